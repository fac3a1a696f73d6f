/**
 * Promises of a transparency log (Rekor, version 1) that it has seen a signature at some time, and proofs that it has it, which are all that a log of version 2
 * gives: they are verified offline, by the log's key.
 * Source: rekor pkg/generated/models, LogEntry verification; RFC 8785 for what is signed; rekor-tiles CLIENTS.md.
 */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { decodeBase64 } from "./base64.ts";
import { InvalidKey } from "./errors.ts";
import { type InclusionProof, isIncluded } from "./inclusion.ts";
import { type PublicKey, publicKeyOf } from "./key.ts";
import { isAbout, type LoggedSignature } from "./log-body.ts";

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
  /** That the log has the entry, where that came along. */
  readonly proof?: InclusionProof | undefined;
}

/** A log that is trusted. */
export interface TrustedLog {
  /** In hex. */
  readonly id: string;
  readonly key: PublicKey;
  /** By which its checkpoints name it, in hex, where that is known: it holds the log's name. */
  readonly checkpointID?: string | undefined;
  /** When it was to be trusted, in milliseconds, both included; absent: always. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** A log by its key. @param key  PEM, or DER of any key or (PKCS#1) of RSA @throws {InvalidKey} */
export function trustedLog(key: string | Uint8Array, name: string): TrustedLog {
  try {
    const object = typeof key === "string" ? createPublicKey(key) : parseDER(key);
    const der = object.export({ type: "spki", format: "der" });
    return { id: createHash("sha256").update(der).digest("hex"), key: publicKeyOf(object, name) };
  } catch (error) {
    if (error instanceof InvalidKey) throw error;
    throw new InvalidKey({ name, reason: "it is no public key" }, { cause: error });
  }
}

function parseDER(der: Uint8Array): KeyObject {
  const key = Buffer.from(der);
  try {
    return createPublicKey({ key, format: "der", type: "spki" });
  } catch {
    return createPublicKey({ key, format: "der", type: "pkcs1" });
  }
}

/**
 * When one of `logs` saw the signature.
 * @returns milliseconds; undefined: one has it, and does not say since when
 * @throws {RangeError} none did
 */
export function loggedAt(
  entries: readonly LogEntry[],
  logs: readonly TrustedLog[],
  signature: LoggedSignature,
): number | undefined {
  let why = "one is in no transparency log";
  for (const entry of entries) {
    const refusal = entry.promise === undefined ? refuseProof(entry, logs) : refusePromise(entry, logs);
    if (refusal !== undefined) why = refusal;
    else if (!isAbout(entry.body, signature)) why = "a log's entry is about another signature";
    // Without a promise nobody signed the time.
    else return entry.promise === undefined ? undefined : entry.integratedTime * 1000;
  }
  throw new RangeError(why);
}

function refusePromise(entry: LogEntry, logs: readonly TrustedLog[]): string | undefined {
  const log = logs.find(({ id }) => id === entry.logID);
  if (log === undefined) return "one is in a log that is not trusted";
  if (!hasPromise(entry, log)) return "a log's promise is not the log's";
  const timeMs = entry.integratedTime * 1000;
  if (timeMs < (log.fromMs ?? 0) || timeMs > (log.toMs ?? Number.MAX_SAFE_INTEGER))
    return `a log's promise is of ${new Date(timeMs).toISOString()}, when the log was not trusted`;
  // The promise alone says when; a proof that is wrong was made by nobody honest.
  return entry.proof === undefined || isIncluded(bytesOf(entry), entry.proof, log)
    ? undefined
    : "a proof that one is in a log is wrong";
}

function refuseProof(entry: LogEntry, logs: readonly TrustedLog[]): string | undefined {
  const { proof } = entry;
  if (proof === undefined) return "a log neither promised to keep one nor proves that it did";
  return logs.some((log) => isIncluded(bytesOf(entry), proof, log))
    ? undefined
    : "a proof that one is in a log is wrong, or of a log that is not trusted";
}

function bytesOf({ body }: LogEntry): Uint8Array {
  return Buffer.from(body, "base64");
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
