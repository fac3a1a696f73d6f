/** A blob as a stream. It reads only when asked, one chunk at a time, and closes the file at the end or when cancelled. */
import { readSync } from "node:fs";
import type { OpenBlob } from "./blob-file.ts";

/** Read at once: large enough that the cost per chunk vanishes, small enough that memory stays flat. */
export const CHUNK_BYTES = 1 << 20;

/** The bytes from `start` to before `end`. Takes over `blob`. */
export function blobStream(blob: OpenBlob, start: number, end: number): ReadableStream<Uint8Array> {
  let at = start;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller): void {
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
        const length = chunk.length === 0 ? 0 : readSync(blob.descriptor, chunk, 0, chunk.length, at);
        if (length > 0) controller.enqueue(chunk.subarray(0, length));
        at += length;
        if (length > 0 && at < end) return;
        blob[Symbol.dispose]();
        controller.close();
      },
      cancel: () => blob[Symbol.dispose](),
    },
    { highWaterMark: 0 },
  );
}

/**
 * The whole blob for whoever is done with a chunk when asking for the next: all lie in one piece of memory, which the kernel need not find and clear
 * anew for each. Takes over `blob`.
 */
export async function* blobChunks(blob: OpenBlob): AsyncGenerator<Uint8Array, void, void> {
  using open = blob;
  const memory = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, open.size));
  for (let at = 0; at < open.size; ) {
    const length = readSync(open.descriptor, memory, 0, memory.length, at);
    if (length === 0) return;
    at += length;
    yield memory.subarray(0, length);
  }
}
