/** Whether stored content is what its name says: disks lose bits, and a blob that is never read again tells nobody. */
import type { Digest } from "../spec/index.ts";
import type { BlobStore } from "./blob-store.ts";
import { DigestMismatch, SizeMismatch } from "./errors.ts";
import { verified } from "./verified.ts";

/** Hashed in no time. */
const SMALL_BYTES = 1 << 20;

/**
 * Whether the store has this blob. One that is damaged there counts as none; large ones are looked at when they are used.
 * @throws {SizeMismatch} It has, with another size: then what `blob` says is wrong
 */
export async function holdsBlob(
  store: BlobStore,
  { digest, size: wanted }: { readonly digest: Digest; readonly size: number },
): Promise<boolean> {
  const size = store.stat(digest)?.size;
  if (size === undefined) return false;
  if (size === wanted && size > SMALL_BYTES) return true;
  if (!(await isWhole(store, digest))) return false;
  if (size !== wanted) throw new SizeMismatch({ name: digest, expected: wanted, actual: size });
  return true;
}

/** Reads all of the blob. @throws {BlobNotFound} */
export async function isWhole(store: BlobStore, digest: Digest): Promise<boolean> {
  try {
    for await (const _ of verified(store.readStream(digest), digest));
    return true;
  } catch (error) {
    if (error instanceof DigestMismatch) return false;
    throw error;
  }
}
