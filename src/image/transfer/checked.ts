/** Bytes held to their descriptor as they pass. */
import { SizeMismatch, verified } from "../../content/index.ts";
import type { Digest } from "../../spec/index.ts";

interface Address {
  readonly digest: Digest;
  readonly size: number;
}

/** Gives `chunks` on; fails at the first byte too many, and where the end would be if bytes are missing or wrong. */
export function checked(
  chunks: AsyncIterable<Uint8Array>,
  blob: Address,
): AsyncGenerator<Uint8Array, void, void> {
  return verified(measured(chunks, blob), blob.digest);
}

/** Holds them to the size alone: for who hashes them. */
export async function* measured(
  chunks: AsyncIterable<Uint8Array>,
  { digest, size }: Address,
): AsyncGenerator<Uint8Array, void, void> {
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.byteLength;
    if (length > size) throw new SizeMismatch({ name: digest, expected: size, actual: length });
    yield chunk;
  }
  if (length < size) throw new SizeMismatch({ name: digest, expected: size, actual: length });
}
