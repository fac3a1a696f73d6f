/**
 * Reads a large blob in order, over several connections where one is slow: the parts that come next are fetched while this one is written. For copies, which
 * pass bytes on; a pull has a file to put parts in. Source: RFC 9110 section 14, range requests.
 */
import { type BlobAddress, type ByteRange, RangesIgnored } from "./blob-read.ts";
import type { RegistryClient } from "./client.ts";
import { RegistryRefused } from "./errors.ts";
import { LARGE_BYTES } from "./fetch-segments.ts";
import { Pace } from "./pace.ts";

/** So much of a blob is in memory, at most as many times as the next number says. */
const PIECE_BYTES = 8 << 20;
const PARALLEL_PIECES = 3;

/** The bytes of `blob` from `start` on; see `RegistryClient.readBlob()`. */
export async function* readAhead(
  client: RegistryClient,
  blob: BlobAddress,
  start: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  let offset = start;
  try {
    if (blob.size - start >= LARGE_BYTES && !client.connections.ignoresRanges) {
      for await (const chunk of readParts(client, blob, start, signal)) {
        offset += chunk.byteLength;
        yield chunk;
      }
      // Not slow: the rest comes in one.
    }
  } catch (error) {
    if (!(error instanceof RangesIgnored || error instanceof RegistryRefused)) throw error;
    if (error instanceof RangesIgnored) client.connections.ignoresRanges = true;
  }
  if (offset < blob.size || blob.size === 0) yield* client.readBlob(blob, offset, signal);
}

/** The first part tells how it goes. */
async function* readParts(
  client: RegistryClient,
  blob: BlobAddress,
  start: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const pace = new Pace();
  const first = { from: start, to: start + PIECE_BYTES };
  {
    using _connection = client.connections.enter();
    pace.wait();
    for await (const chunk of client.readRange(blob, first, signal)) {
      pace.hear(chunk.byteLength);
      yield chunk;
      pace.wait();
    }
  }
  if (pace.wasSlow) yield* readPieces(client, blob, first.to, signal);
}

/** Leaving the iteration ends what is under way. */
async function* readPieces(
  client: RegistryClient,
  blob: BlobAddress,
  start: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const left = new AbortController();
  const either = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
  const queue: Promise<Uint8Array>[] = [];
  let next = start;
  const begin = (): void => {
    while (queue.length < PARALLEL_PIECES && next < blob.size) {
      const range = { from: next, to: Math.min(next + PIECE_BYTES, blob.size) };
      next = range.to;
      const piece = readPiece(client, blob, range, either);
      piece.catch(() => undefined); // told when its turn comes
      queue.push(piece);
    }
  };
  try {
    begin();
    for (let head = queue.shift(); head !== undefined; head = queue.shift()) {
      const piece = await head;
      begin();
      yield piece;
    }
  } finally {
    left.abort();
    await Promise.allSettled(queue);
  }
}

async function readPiece(
  client: RegistryClient,
  blob: BlobAddress,
  range: ByteRange,
  signal: AbortSignal,
): Promise<Uint8Array> {
  using _connection = await client.connections.enterWhenFree(signal);
  const bytes = Buffer.allocUnsafeSlow(range.to - range.from);
  let length = 0;
  for await (const chunk of client.readRange(blob, range, signal)) {
    bytes.set(chunk, length); // never more than was asked for
    length += chunk.byteLength;
  }
  return bytes;
}
