/** Whether stored content is what its name says: disks lose bits, and a blob that is never read again tells nobody. */
import type { Digest } from "../spec/index.ts";
import { DigestMismatch } from "./errors.ts";
import type { ContentStore } from "./store.ts";
import { verified } from "./verified.ts";

/** Reads all of the blob. @throws {BlobNotFound} */
export async function isWhole(store: ContentStore, digest: Digest): Promise<boolean> {
  try {
    for await (const _ of verified(store.readStream(digest), digest));
    return true;
  } catch (error) {
    if (error instanceof DigestMismatch) return false;
    throw error;
  }
}
