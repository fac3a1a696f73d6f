/**
 * Content that no repository holds any more goes. Links are gone durably before; whoever is about to link it anew holds a
 * pin, which saves it. A process that dies in between leaves content that nobody holds, and the next sweep finds it.
 */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { Digest } from "../../../spec/index.ts";
import type { Storage } from "../storage/storage.ts";

/** Removes `digest` if nobody holds it. @returns the bytes that this gave back, undefined if it stays or is not there */
export async function release(
  { content, metadata, pins }: Storage,
  digest: Digest,
): Promise<number | undefined> {
  if (!pins.condemn(digest)) return undefined;
  const isHeld = await metadata.isHeld(digest);
  // Between this and the deletion nothing is awaited: who came meanwhile has taken it back, who comes later finds it gone.
  if (!pins.execute(digest) || isHeld) return undefined;
  const size = content.stat(digest)?.size;
  return (await content.deleteAsync(digest)) ? (size ?? 0) : undefined;
}

/** Content that nobody holds, found by looking at all there is. */
export async function* unheldContent({ content, metadata }: Storage): AsyncGenerator<Digest, void, void> {
  let looked = 0;
  for (const digest of content.digests()) {
    if (++looked % BATCH === 0) await yieldToOthers();
    if (!(await metadata.isHeld(digest))) yield digest;
  }
}
const BATCH = 200;
