/** Content checked as it passes. */
import { type Digest, digestAlgorithm, hasherFor, isSupportedAlgorithm } from "../spec/index.ts";
import { DigestMismatch, UnsupportedAlgorithm } from "./errors.ts";

/** Gives `chunks` on, and fails where their end would be unless they hash to `expected`. */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  expected: Digest,
): AsyncGenerator<Uint8Array, void, void> {
  const algorithm = digestAlgorithm(expected);
  if (!isSupportedAlgorithm(algorithm)) throw new UnsupportedAlgorithm({ algorithm });
  const hash = hasherFor(algorithm);
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  const actual = `${algorithm}:${hash.digest("hex")}` as Digest; // made by us
  if (actual !== expected) throw new DigestMismatch({ expected, actual });
}
