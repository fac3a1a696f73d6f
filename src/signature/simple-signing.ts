/**
 * The payload of signatures in cosign's first format: which digest is signed, and under which name.
 * Source: containers/image docs/containers-signature.5.md, JSON data format; cosign specs/SIGNATURE_SPEC.md.
 */
import {
  type Check,
  type Digest,
  InvalidDocument,
  integer,
  isDigest,
  mustBe,
  object,
  oneOf,
  parseJSON,
  string,
} from "../spec/index.ts";
import { decodeBase64 } from "./base64.ts";
import type { LogEntry } from "./transparency-log.ts";

/** Of the layers of a manifest of signatures. */
export const SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json";
/** Where a layer has its signature, in base64. */
export const SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature";
/** Where it has the certificate of who signed, in PEM, those of who certified him, and the promise of a log. */
export const CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate";
export const CHAIN_ANNOTATION = "dev.sigstore.cosign/chain";
export const LOG_ANNOTATION = "dev.sigstore.cosign/bundle";
/** Where it has the time stamp of an authority. */
export const TIMESTAMP_ANNOTATION = "dev.sigstore.cosign/rfc3161timestamp";
const COSIGN_TYPE = "cosign container image signature";
/** Of those that OpenPGP keys make. */
export const GPG_TYPE = "atomic container signature";

/** What somebody signed. */
export interface Claim {
  /** The name under which it was signed, if the format has one: a repository, or with a tag or digest. */
  readonly identity: string | undefined;
  readonly digests: readonly string[];
}

interface Payload {
  critical: {
    type: string;
    identity: { "docker-reference": string };
    image: { "docker-manifest-digest": Digest };
  };
}

const digest: Check<Digest> = (value) =>
  typeof value === "string" && isDigest(value)
    ? undefined
    : [{ path: [], found: JSON.stringify(value) ?? "nothing", wants: "a digest" }];
const payloadCheck = (type: string): Check<Payload> =>
  object<Payload>({
    critical: object<Payload["critical"]>({
      type: oneOf([type]),
      identity: object<Payload["critical"]["identity"]>({ "docker-reference": string }),
      image: object<Payload["critical"]["image"]>({ "docker-manifest-digest": digest }),
    }),
  });

/** Reads a payload. @throws {InvalidDocument} @throws {InvalidJSON} */
export function parsePayload(bytes: Uint8Array, type: string = COSIGN_TYPE): Claim {
  const text = new TextDecoder().decode(bytes);
  const { critical } = mustBe(payloadCheck(type), parseJSON(text, "signature payload"), "signature payload");
  return {
    identity: critical.identity["docker-reference"],
    digests: [critical.image["docker-manifest-digest"]],
  };
}

/**
 * Writes one.
 * @param identity  `HOST/REPOSITORY`, perhaps with a tag
 * @param optional  What is signed along and read by nobody
 */
export function encodePayload(
  identity: string,
  digest: Digest,
  type: string = COSIGN_TYPE,
  optional: object | null = null,
): Uint8Array {
  const critical = {
    identity: { "docker-reference": identity },
    image: { "docker-manifest-digest": digest },
    type,
  };
  return new TextEncoder().encode(JSON.stringify({ critical, optional }));
}

interface LogAnnotation {
  readonly SignedEntryTimestamp: string;
  readonly Payload: Omit<LogEntry, "promise" | "proof">;
}

const logCheck = object<LogAnnotation>({
  SignedEntryTimestamp: string,
  Payload: object<LogAnnotation["Payload"]>({
    body: string,
    integratedTime: integer(),
    logIndex: integer(),
    logID: string,
  }),
});

/** Reads the promise of a log, if there is one. @throws {InvalidDocument} @throws {InvalidJSON} */
export function parseLogAnnotation(text: string | undefined): LogEntry[] {
  if (text === undefined) return [];
  const name = `annotation ${LOG_ANNOTATION}`;
  const { SignedEntryTimestamp, Payload } = mustBe(logCheck, parseJSON(text, name), name);
  return [{ ...Payload, promise: SignedEntryTimestamp }];
}

interface TimestampAnnotation {
  readonly SignedRFC3161Timestamp: string;
}

const timestampCheck = object<TimestampAnnotation>({ SignedRFC3161Timestamp: string });

/** Reads what an authority of time answered, in DER, if it was asked. @throws {InvalidDocument} @throws {InvalidJSON} */
export function parseTimestampAnnotation(text: string | undefined): Uint8Array[] {
  if (text === undefined) return [];
  const name = `annotation ${TIMESTAMP_ANNOTATION}`;
  const { SignedRFC3161Timestamp: encoded } = mustBe(timestampCheck, parseJSON(text, name), name);
  const timestamp = decodeBase64(encoded);
  if (timestamp !== undefined) return [timestamp];
  const issue = { path: ["SignedRFC3161Timestamp"], found: "other text", wants: "base64" };
  throw new InvalidDocument({ name, issues: [issue] });
}
