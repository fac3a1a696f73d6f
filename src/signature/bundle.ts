/**
 * Sigstore's bundles: an in-toto statement about an image in a DSSE envelope, with what it takes to verify it.
 * Source: sigstore protobuf-specs, sigstore_bundle.proto; DSSE protocol.md; in-toto attestation spec/v1; cosign specs/BUNDLE_SPEC.md.
 */
import {
  array,
  type Digest,
  digestAlgorithm,
  digestEncoded,
  InvalidDocument,
  mustBe,
  object,
  optional,
  parseJSON,
  record,
  string,
} from "../spec/index.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import type { PrivateKey } from "./key.ts";
import type { Claim } from "./simple-signing.ts";
import type { LogEntry } from "./transparency-log.ts";
import type { Signed } from "./trust.ts";

/** The artifact type under which bundles are kept, and their media type. */
export const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
/** What the statement says: this is an image's signature. Others, of how it was built, say nothing of whether it is wanted. */
export const SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1";
const STATEMENTS = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
const IN_TOTO = "application/vnd.in-toto+json";

/** Numbers that are 0 are left out. */
interface Proof {
  readonly logIndex?: string;
  readonly treeSize: string;
  readonly rootHash: string;
  readonly hashes?: readonly string[];
  readonly checkpoint: { readonly envelope: string };
}

interface Entry {
  readonly logIndex?: string;
  readonly logId: { readonly keyId: string };
  /** What a log of version 2 has says no time. */
  readonly integratedTime?: string;
  readonly inclusionPromise?: { readonly signedEntryTimestamp: string };
  readonly inclusionProof?: Proof;
  readonly canonicalizedBody: string;
}

interface Envelope {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly sig: string }[];
}

interface Material {
  readonly publicKey?: { readonly hint?: string };
  readonly certificate?: { readonly rawBytes: string };
  readonly x509CertificateChain?: { readonly certificates: readonly { readonly rawBytes: string }[] };
  readonly tlogEntries?: readonly Entry[];
  readonly timestampVerificationData?: { readonly rfc3161Timestamps?: readonly Timestamp[] };
}

interface Timestamp {
  readonly signedTimestamp: string;
}

interface Statement {
  readonly _type: string;
  readonly predicateType: string;
  readonly subject: readonly { readonly name?: string; readonly digest: Readonly<Record<string, string>> }[];
}

/** A bundle, taken apart; nothing in it is verified. */
export interface Bundle extends Signed {
  readonly claim: Claim;
}

const certificate = object<{ rawBytes: string }>({ rawBytes: string });
const bundleCheck = object<{ mediaType: string; verificationMaterial: Material; dsseEnvelope: Envelope }>({
  mediaType: string,
  verificationMaterial: object<Material>({
    publicKey: optional(object<{ hint?: string }>({ hint: optional(string) })),
    certificate: optional(certificate),
    x509CertificateChain: optional(
      object<NonNullable<Material["x509CertificateChain"]>>({ certificates: array(certificate) }),
    ),
    tlogEntries: optional(
      array(
        object<Entry>({
          logIndex: optional(string),
          logId: object<Entry["logId"]>({ keyId: string }),
          integratedTime: optional(string),
          inclusionPromise: optional(
            object<NonNullable<Entry["inclusionPromise"]>>({ signedEntryTimestamp: string }),
          ),
          inclusionProof: optional(
            object<Proof>({
              logIndex: optional(string),
              treeSize: string,
              rootHash: string,
              hashes: optional(array(string)),
              checkpoint: object<Proof["checkpoint"]>({ envelope: string }),
            }),
          ),
          canonicalizedBody: string,
        }),
      ),
    ),
    timestampVerificationData: optional(
      object<NonNullable<Material["timestampVerificationData"]>>({
        rfc3161Timestamps: optional(array(object<Timestamp>({ signedTimestamp: string }))),
      }),
    ),
  }),
  dsseEnvelope: object<Envelope>({
    payload: string,
    payloadType: string,
    signatures: array(object<{ sig: string }>({ sig: string })),
  }),
});
const statementCheck = object<Statement>({
  _type: string,
  predicateType: string,
  subject: array(object<Statement["subject"][number]>({ name: optional(string), digest: record(string) })),
});

/** Takes a bundle apart. @throws {InvalidDocument} @throws {InvalidJSON} */
export function parseBundle(bytes: Uint8Array): Bundle {
  const name = "signature bundle";
  const value = mustBe(bundleCheck, parseJSON(new TextDecoder().decode(bytes), name), name);
  const { mediaType, verificationMaterial: material, dsseEnvelope: envelope } = value;
  const refuse = (path: string[], found: string, wants: string): never => {
    throw new InvalidDocument({ name, issues: [{ path, found, wants }] });
  };
  const base64 = (text: string, ...path: string[]): Uint8Array =>
    decodeBase64(text) ?? refuse(path, "other text", "base64");
  if (mediaType !== BUNDLE) refuse(["mediaType"], JSON.stringify(mediaType), BUNDLE);
  if (envelope.payloadType !== IN_TOTO)
    refuse(["dsseEnvelope", "payloadType"], JSON.stringify(envelope.payloadType), IN_TOTO);
  const payload = base64(envelope.payload, "dsseEnvelope", "payload");
  const raw = material.certificate?.rawBytes ?? material.x509CertificateChain?.certificates[0]?.rawBytes;
  return {
    claim: parseStatement(payload),
    message: preAuthenticationEncoding(IN_TOTO, payload),
    payload,
    signatures: envelope.signatures.map(({ sig }) => base64(sig, "dsseEnvelope", "signatures")),
    certificate: raw === undefined ? undefined : base64(raw, "verificationMaterial", "certificate"),
    entries: (material.tlogEntries ?? []).map(entryOf),
    timestamps: (material.timestampVerificationData?.rfc3161Timestamps ?? []).map(({ signedTimestamp }) =>
      base64(signedTimestamp, "verificationMaterial", "timestampVerificationData"),
    ),
  };
}

function entryOf(entry: Entry): LogEntry {
  const { logIndex = "0", logId, integratedTime = "0", canonicalizedBody } = entry;
  const { inclusionPromise, inclusionProof } = entry;
  return {
    logIndex: Number(logIndex),
    logID: Buffer.from(logId.keyId, "base64").toString("hex"),
    integratedTime: Number(integratedTime),
    body: canonicalizedBody,
    promise: inclusionPromise?.signedEntryTimestamp,
    proof: inclusionProof && {
      logIndex: Number(inclusionProof.logIndex ?? "0"),
      treeSize: Number(inclusionProof.treeSize),
      rootHash: inclusionProof.rootHash,
      hashes: inclusionProof.hashes ?? [],
      checkpoint: inclusionProof.checkpoint.envelope,
    },
  };
}

/** Signs `digest` under the name `identity`. */
export function encodeBundle(key: PrivateKey, identity: string, digest: Digest): Uint8Array {
  const subject = [{ name: identity, digest: { [digestAlgorithm(digest)]: digestEncoded(digest) } }];
  const statement = { _type: STATEMENTS[0], subject, predicateType: SIGN_PREDICATE, predicate: {} };
  const payload = new TextEncoder().encode(JSON.stringify(statement));
  const sig = encodeBase64(key.sign(preAuthenticationEncoding(IN_TOTO, payload)));
  const bundle = {
    mediaType: BUNDLE,
    verificationMaterial: { publicKey: { hint: key.publicKey.hint } },
    dsseEnvelope: { payload: encodeBase64(payload), payloadType: IN_TOTO, signatures: [{ sig }] },
  };
  return new TextEncoder().encode(JSON.stringify(bundle));
}

function parseStatement(payload: Uint8Array): Claim {
  const name = "signed statement";
  const value = mustBe(statementCheck, parseJSON(new TextDecoder().decode(payload), name), name);
  const { _type, predicateType, subject } = value;
  if (!STATEMENTS.includes(_type))
    throw new InvalidDocument({
      name,
      issues: [{ path: ["_type"], found: JSON.stringify(_type), wants: STATEMENTS.join(" or ") }],
    });
  if (predicateType !== SIGN_PREDICATE)
    throw new InvalidDocument({
      name,
      issues: [{ path: ["predicateType"], found: JSON.stringify(predicateType), wants: SIGN_PREDICATE }],
    });
  // Of several subjects one cannot tell whose name is whose, so none counts.
  const identity = subject.length === 1 ? subject[0]?.name : undefined;
  return {
    identity: identity === "" ? undefined : identity,
    digests: subject.flatMap(({ digest }) =>
      Object.entries(digest).map(([algorithm, encoded]) => `${algorithm}:${encoded}`),
    ),
  };
}

/** What a DSSE signature is over. */
function preAuthenticationEncoding(type: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.byteLength} `;
  return Buffer.concat([Buffer.from(head), payload]);
}
