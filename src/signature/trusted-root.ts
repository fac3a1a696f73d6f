/**
 * Sigstore's file of roots of trust: authorities that certify signers, logs that see signatures. It is given; nothing is fetched.
 * Source: sigstore protobuf-specs, sigstore_trustroot.proto.
 */
import { array, InvalidDocument, mustBe, object, optional, parseJSON, string } from "../spec/index.ts";
import { decodeBase64 } from "./base64.ts";
import { type Authority, parseCertificate } from "./certificate.ts";
import type { TimestampAuthority } from "./timestamp.ts";
import { type TrustedLog, trustedLog } from "./transparency-log.ts";

/** What it says. */
export interface TrustedRoot {
  readonly authorities: readonly Authority[];
  readonly logs: readonly TrustedLog[];
  /** Of certificates. */
  readonly certificateLogs: readonly TrustedLog[];
  readonly timestampAuthorities: readonly TimestampAuthority[];
}

interface Bytes {
  readonly rawBytes: string;
}

/** The end is open where it is not said. */
interface Validity {
  readonly start: string;
  readonly end?: string;
}

interface Log {
  readonly publicKey: Bytes & { readonly validFor?: Validity };
  readonly logId?: { readonly keyId: string };
  readonly checkpointKeyId?: { readonly keyId: string };
}

interface CertificateAuthority {
  readonly certChain: { readonly certificates: readonly Bytes[] };
  readonly validFor?: Validity;
}

const bytes = object<Bytes>({ rawBytes: string });
const validity = object<Validity>({ start: string, end: optional(string) });
const logKey = object<Log["publicKey"]>({ rawBytes: string, validFor: optional(validity) });
const keyID = object<{ keyId: string }>({ keyId: string });
const logs = optional(
  array(object<Log>({ publicKey: logKey, logId: optional(keyID), checkpointKeyId: optional(keyID) })),
);
const authorities = optional(
  array(
    object<CertificateAuthority>({
      certChain: object<CertificateAuthority["certChain"]>({ certificates: array(bytes) }),
      validFor: optional(validity),
    }),
  ),
);
const rootCheck = object<{
  mediaType: string;
  tlogs?: readonly Log[];
  ctlogs?: readonly Log[];
  certificateAuthorities?: readonly CertificateAuthority[];
  timestampAuthorities?: readonly CertificateAuthority[];
}>({
  mediaType: string,
  tlogs: logs,
  ctlogs: logs,
  certificateAuthorities: authorities,
  timestampAuthorities: authorities,
});

/** Parses it. @throws {InvalidDocument} @throws {InvalidKey} */
export function parseTrustedRoot(text: string, name: string): TrustedRoot {
  const root = mustBe(rootCheck, parseJSON(text, name), name);
  if (!root.mediaType.startsWith("application/vnd.dev.sigstore.trustedroot"))
    throw new InvalidDocument({
      name,
      issues: [
        { path: ["mediaType"], found: JSON.stringify(root.mediaType), wants: "a trusted root of Sigstore" },
      ],
    });
  const decode = ({ rawBytes }: Bytes): Uint8Array => {
    const decoded = decodeBase64(rawBytes);
    if (decoded !== undefined) return decoded;
    throw new InvalidDocument({
      name,
      issues: [{ path: ["rawBytes"], found: "other text", wants: "base64" }],
    });
  };
  const chainOf = ({ certChain }: CertificateAuthority): Authority =>
    certChain.certificates.map((one) => parseCertificate(decode(one), name));
  const logOf = ({ publicKey, logId, checkpointKeyId }: Log): TrustedLog => {
    const log = trustedLog(decode(publicKey), name);
    const given = (checkpointKeyId ?? logId)?.keyId;
    const id = given && Buffer.from(given, "base64").toString("hex");
    // An ID of the key alone says nothing of the log's name.
    return { ...log, checkpointID: id === log.id ? undefined : id, ...timesOf(publicKey.validFor, name) };
  };
  return {
    authorities: (root.certificateAuthorities ?? []).map(chainOf),
    logs: (root.tlogs ?? []).map(logOf),
    certificateLogs: (root.ctlogs ?? []).map(logOf),
    timestampAuthorities: (root.timestampAuthorities ?? []).map((authority) => ({
      certificates: chainOf(authority),
      ...timesOf(authority.validFor, name),
    })),
  };
}

/** In milliseconds. What has no times is valid at any. */
function timesOf(validFor: Validity | undefined, name: string): { fromMs: number; toMs: number } {
  const { start, end } = validFor ?? { start: "1970-01-01T00:00:00Z" };
  const time = (text: string): number => {
    const ms = Date.parse(text);
    if (!Number.isNaN(ms)) return ms;
    const issue = { path: ["validFor"], found: JSON.stringify(text), wants: "a time" };
    throw new InvalidDocument({ name, issues: [issue] });
  };
  return { fromMs: time(start), toMs: end === undefined ? Number.MAX_SAFE_INTEGER : time(end) };
}
