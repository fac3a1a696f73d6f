/**
 * Sigstore's file of roots of trust: authorities that certify signers, logs that see signatures. It is given; nothing is fetched.
 * Source: sigstore protobuf-specs, sigstore_trustroot.proto.
 */
import { array, InvalidDocument, mustBe, object, optional, parseJSON, string } from "../spec/index.ts";
import { decodeBase64 } from "./base64.ts";
import { type Authority, parseCertificate } from "./certificate.ts";
import { type TrustedLog, trustedLog } from "./transparency-log.ts";

/** What it says. */
export interface TrustedRoot {
  readonly authorities: readonly Authority[];
  readonly logs: readonly TrustedLog[];
  /** Of certificates. */
  readonly certificateLogs: readonly TrustedLog[];
}

interface Bytes {
  readonly rawBytes: string;
}

const bytes = object<Bytes>({ rawBytes: string });
const rootCheck = object<{
  mediaType: string;
  tlogs?: readonly { publicKey: Bytes }[];
  ctlogs?: readonly { publicKey: Bytes }[];
  certificateAuthorities?: readonly { certChain: { certificates: readonly Bytes[] } }[];
}>({
  mediaType: string,
  tlogs: optional(array(object<{ publicKey: Bytes }>({ publicKey: bytes }))),
  ctlogs: optional(array(object<{ publicKey: Bytes }>({ publicKey: bytes }))),
  certificateAuthorities: optional(
    array(
      object<{ certChain: { certificates: readonly Bytes[] } }>({
        certChain: object<{ certificates: readonly Bytes[] }>({ certificates: array(bytes) }),
      }),
    ),
  ),
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
  return {
    authorities: (root.certificateAuthorities ?? []).map(({ certChain }) =>
      certChain.certificates.map((one) => parseCertificate(decode(one), name)),
    ),
    logs: (root.tlogs ?? []).map(({ publicKey }) => trustedLog(decode(publicKey), name)),
    certificateLogs: (root.ctlogs ?? []).map(({ publicKey }) => trustedLog(decode(publicKey), name)),
  };
}
