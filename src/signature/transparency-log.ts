/**
 * Promises of a transparency log (Rekor, version 1) that it has seen a signature at some time, and proofs that it kept them: they are verified offline, by
 * the log's key.
 * Source: rekor pkg/generated/models, LogEntry verification; rekor types hashedrekord and dsse; RFC 8785 for what is signed.
 */
import { createHash, createPublicKey } from "node:crypto";
import { decodeBase64 } from "./base64.ts";
import { InvalidKey } from "./errors.ts";
import { type InclusionProof, isIncluded } from "./inclusion.ts";
import { type PublicKey, publicKeyOf } from "./key.ts";

/** An entry, as bundles have it. */
export interface LogEntry {
  readonly logIndex: number;
  /** SHA-256 of the log's key, in hex. */
  readonly logID: string;
  /** Seconds. */
  readonly integratedTime: number;
  /** What the log keeps, in base64. */
  readonly body: string;
  /** In base64; a log of version 2 makes none. */
  readonly promise: string | undefined;
  /** That the log kept the promise, where that came along. */
  readonly proof?: InclusionProof | undefined;
}

/** A log that is trusted. */
export interface TrustedLog {
  /** In hex. */
  readonly id: string;
  readonly key: PublicKey;
}

/** What an entry has to be about. */
export interface LoggedSignature {
  /** What is hashed into an entry: the payload. */
  readonly payload: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** Of the signer, in DER: his certificate or his key. */
  readonly verifiers: readonly Uint8Array[];
}

/** A log by its key. @param key  PEM, or DER @throws {InvalidKey} */
export function trustedLog(key: string | Uint8Array, name: string): TrustedLog {
  try {
    const source =
      typeof key === "string" ? key : ({ key: Buffer.from(key), format: "der", type: "spki" } as const);
    const object = createPublicKey(source);
    const der = object.export({ type: "spki", format: "der" });
    return { id: createHash("sha256").update(der).digest("hex"), key: publicKeyOf(object, name) };
  } catch (error) {
    if (error instanceof InvalidKey) throw error;
    throw new InvalidKey({ name, reason: "it is no public key" }, { cause: error });
  }
}

/** When one of `logs` saw the signature. @returns milliseconds @throws {RangeError} none did */
export function loggedAt(
  entries: readonly LogEntry[],
  logs: readonly TrustedLog[],
  signature: LoggedSignature,
): number {
  let why = "one is in no transparency log";
  for (const entry of entries) {
    const log = logs.find(({ id }) => id === entry.logID);
    if (log === undefined) why = "one is in a log that is not trusted";
    else if (!hasPromise(entry, log)) why = "a log's promise is not the log's";
    // The promise alone says when; a proof that is wrong was made by nobody honest.
    else if (entry.proof !== undefined && !isIncluded(Buffer.from(entry.body, "base64"), entry.proof, log))
      why = "a proof that one is in a log is wrong";
    else if (!isAbout(entry.body, signature)) why = "a log's promise is about another signature";
    else return entry.integratedTime * 1000;
  }
  throw new RangeError(why);
}

function hasPromise(
  { body, integratedTime, logID, logIndex, promise }: LogEntry,
  { key }: TrustedLog,
): boolean {
  const signature = decodeBase64(promise ?? "");
  if (signature === undefined) return false;
  // The keys in order, no spaces, whole numbers: this is its canonical form.
  const signed = JSON.stringify({ body, integratedTime, logID, logIndex });
  return key.isSignature(Buffer.from(signed), signature);
}

/** As much as is looked at of what a log keeps. */
interface Body {
  readonly kind?: unknown;
  readonly spec?: {
    readonly data?: { readonly hash?: { readonly algorithm?: unknown; readonly value?: unknown } };
    readonly signature?: { readonly content?: unknown; readonly publicKey?: { readonly content?: unknown } };
    readonly payloadHash?: { readonly algorithm?: unknown; readonly value?: unknown };
    readonly signatures?: readonly { readonly signature?: unknown; readonly verifier?: unknown }[];
  };
}

/** Whether it is this payload, this signature and this signer: a promise about any other is worth nothing (CVE-2022-36056 and its kind). */
function isAbout(body: string, { payload, signatures, verifiers }: LoggedSignature): boolean {
  const { kind, spec } = parse(body);
  const isOurs = (signature: unknown, verifier: unknown): boolean =>
    signatures.some((one) => Buffer.from(one).toString("base64") === signature) &&
    verifiers.some((one) => isSame(one, verifier));
  const digest = createHash("sha256").update(payload).digest("hex");
  const isHash = (hash: { algorithm?: unknown; value?: unknown } | undefined): boolean =>
    hash?.algorithm === "sha256" && hash.value === digest;
  if (kind === "hashedrekord")
    return isHash(spec?.data?.hash) && isOurs(spec?.signature?.content, spec?.signature?.publicKey?.content);
  if (kind !== "dsse" || !Array.isArray(spec?.signatures)) return false;
  return (
    isHash(spec.payloadHash) && spec.signatures.some(({ signature, verifier }) => isOurs(signature, verifier))
  );
}

function parse(body: string): Body {
  try {
    return (JSON.parse(Buffer.from(body, "base64").toString()) ?? {}) as Body; // each field is compared, none is believed
  } catch {
    return {}; // of no kind
  }
}

/** `verifier` is base64 of PEM. */
function isSame(der: Uint8Array, verifier: unknown): boolean {
  const pem = typeof verifier === "string" ? Buffer.from(verifier, "base64").toString() : "";
  const [, inner = ""] = /^-----BEGIN [A-Z ]+-----([^-]+)-----END [A-Z ]+-----\s*$/.exec(pem) ?? [];
  return inner !== "" && Buffer.compare(Buffer.from(inner, "base64"), der) === 0;
}
