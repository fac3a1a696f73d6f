/** What a registry holds, in numbers. */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { Counts } from "../storage/sqlite-upkeep.ts";
import type { Storage } from "../storage/storage.ts";

/** Numbers of everything; a blob counts in each repository that holds it, and so do its bytes. */
export interface Stats extends Counts {
  /** What lies on disk: content that several hold lies there once. */
  readonly storedBytes: number;
}

/** Counts. */
export async function readStats({ content, metadata }: Storage): Promise<Stats> {
  let storedBytes = 0;
  let looked = 0;
  for (const digest of content.digests()) {
    storedBytes += content.stat(digest)?.size ?? 0;
    if (++looked % 500 === 0) await yieldToOthers();
  }
  return { ...metadata.upkeep.counts(), storedBytes };
}
