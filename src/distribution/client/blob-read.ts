/**
 * Reads a blob's bytes, over several connections if need be: a broken download goes on where it broke.
 * The length is checked here, as the bytes come; the digest by `verified()`, or by the store that ingests them.
 * Source: distribution-spec spec.md, Pulling blobs; RFC 9110 section 14, range requests.
 */
import { isTeuError, messageOf, TeuError } from "../../base/index.ts";
import { SizeMismatch } from "../../content/index.ts";
import type { Digest, RegistryName, RepositoryName } from "../../spec/index.ts";
import { discard } from "./body.ts";
import type { Connections } from "./connections.ts";
import { BadRegistryAnswer, RegistryRefused, RegistryUnavailable } from "./errors.ts";
import { isTransientFailure, type RetryPolicy, retryDelay } from "./retry.ts";
import type { Session } from "./session.ts";
import { wait } from "./wait.ts";

/** What a blob is known by before it is read. */
export interface BlobAddress {
  readonly digest: Digest;
  readonly size: number;
}

/** The registry has `received` bytes for `blob`, or at least so many. */
export function sizeMismatch({ digest, size }: BlobAddress, received: number): SizeMismatch {
  return new SizeMismatch({ name: digest, expected: size, actual: received });
}

/** How a blob is read. */
export interface BlobReading {
  readonly session: Session;
  readonly registry: RegistryName;
  readonly repository: RepositoryName;
  readonly retry: RetryPolicy;
  readonly connections: Connections;
  /** Longest silence of a body before its connection is given up, in milliseconds. */
  readonly stallMs: number;
}

/** Progress that makes earlier failures forgotten: a long download may meet many. */
const FORGIVING_BYTES = 1 << 20;

/**
 * The bytes of `blob` from `start` on. The next request for bytes waits for the consumer; leaving the iteration ends
 * the connection. Nothing beyond the blob's size is ever given out.
 */
export async function* readBlob(
  reading: BlobReading,
  blob: BlobAddress,
  start: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  using _connection = reading.connections.enter();
  yield* readRange(reading, blob, { from: start, to: blob.size }, signal);
}

/** Of a blob: from a byte on, up to but without another. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** The registry sends all of a blob whatever part it is asked for. */
export class RangesIgnored extends TeuError<"ranges-ignored", { registry: string }> {
  constructor(context: { registry: string }) {
    super("ranges-ignored", "unsupported", context, `Cannot get a part of a blob from ${context.registry}`);
  }
}

/** The same for a part of it. @throws {RangesIgnored} the part ends before the blob, and the registry does not send parts */
export async function* readRange(
  reading: BlobReading,
  blob: BlobAddress,
  { from: start, to: end }: ByteRange,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  let offset = start;
  let failures: unknown[] = [];
  do {
    const from = offset;
    let failure: unknown;
    try {
      for await (const chunk of readOnce(reading, blob, { from, to: end }, signal)) {
        offset += chunk.byteLength;
        yield chunk;
      }
      if (offset === end) return;
      failure = sizeMismatch(blob, offset);
    } catch (error) {
      signal?.throwIfAborted();
      if (isTeuError(error) || !isTransientFailure(error)) throw endedShort(error, blob, offset);
      failure = error;
    }
    if (offset - from >= FORGIVING_BYTES) failures = [];
    failures.push(failure);
    if (failures.length >= reading.retry.attempts) throw givenUp(reading, blob, failures);
    await wait(retryDelay(reading.retry, failures.length + 1, null) ?? 0, signal);
  } while (offset < end);
}

/** One connection's worth. A server that ignores ranges sends all again; what we have is skipped. */
async function* readOnce(
  reading: BlobReading,
  blob: BlobAddress,
  { from: offset, to: end }: ByteRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const isPart = end < blob.size;
  const response = await reading.session.send(
    {
      method: "GET",
      url: `${reading.session.origin}/v2/${reading.repository}/blobs/${blob.digest}`,
      headers: offset > 0 || isPart ? { range: `bytes=${offset}-${isPart ? end - 1 : ""}` } : {},
      action: "pull",
      expect: offset > 0 || isPart ? [200, 206] : [200],
      operation: `pull blob ${blob.digest}`,
    },
    signal,
  );
  try {
    if (isPart && response.status === 200) throw new RangesIgnored({ registry: reading.registry });
    checkHead(reading, blob, { from: offset, to: end }, response);
  } catch (error) {
    await discard(response);
    throw error;
  }
  let skip = response.status === 206 ? 0 : offset;
  let position = offset - skip;
  for await (const chunk of chunksOf(response, reading.stallMs, signal)) {
    position += chunk.byteLength;
    if (position > end) throw sizeMismatch(blob, blob.size + position - end);
    const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.byteLength));
    skip -= chunk.byteLength - fresh.byteLength;
    if (fresh.byteLength > 0) yield fresh;
  }
}

/** What the head announces must be what we asked for: better to see it before the bytes than after. */
function checkHead(
  reading: BlobReading,
  blob: BlobAddress,
  { from: offset, to: end }: ByteRange,
  response: Response,
): void {
  const announced = response.headers.get("content-length");
  const want = response.status === 206 ? end - offset : blob.size;
  if (announced !== null && !response.headers.has("content-encoding") && Number(announced) !== want)
    throw sizeMismatch(blob, Number(announced) + blob.size - want);
  if (response.status !== 206) return;
  const range = response.headers.get("content-range");
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range ?? "") ?? [];
  if (Number(from) !== offset || (total !== "*" && Number(total) !== blob.size))
    throw new BadRegistryAnswer({
      registry: reading.registry,
      operation: `pull blob ${blob.digest}`,
      reason: `asked for bytes from ${offset} on, it sent ${JSON.stringify(range)}`,
    });
}

/** The body's chunks. The clock runs while we wait for the registry, not while the consumer takes its time. */
async function* chunksOf(
  response: Response,
  stallMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let stalled = false;
  // Ends a read that is waiting; it fails only with what that read throws itself.
  const stop = (): Promise<void> => reader.cancel().catch(() => undefined);
  const late = (): void => {
    stalled = true;
    void stop();
  };
  signal?.addEventListener("abort", stop);
  try {
    for (;;) {
      const timer = setTimeout(late, stallMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      signal?.throwIfAborted();
      if (stalled) throw new Error(`no bytes for ${stallMs} ms`);
      if (done) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    await stop();
  }
}

/** A registry whose blob is shorter than its descriptor says refuses to go on from there. */
function endedShort(error: unknown, blob: BlobAddress, offset: number): unknown {
  const refused = error instanceof RegistryRefused && error.context.status === 416;
  return refused && offset > 0 ? sizeMismatch(blob, offset) : error;
}

function givenUp(reading: BlobReading, blob: BlobAddress, failures: unknown[]): Error {
  const last = failures.at(-1);
  if (last instanceof SizeMismatch) return last;
  return new RegistryUnavailable(
    { registry: reading.registry, operation: `pull blob ${blob.digest}`, attempts: failures.length },
    messageOf(last),
    { cause: new AggregateError(failures, "every attempt failed") },
  );
}
