/**
 * Progress of pulls and pushes, on stderr: a line that is written over where a person watches, a line per finished layer
 * where output is kept, nothing with -q.
 */
import { printError } from "../base/index.ts";
import type { BlobEvent } from "../distribution/client/index.ts";
import { isTerminal } from "../sys/index.ts";
import { encodeSize, shortDigest } from "./text.ts";

/** What the engine tells while blobs move. */
export interface ProgressPrinter extends Disposable {
  /** The image is not here. Docker's words. */
  readonly missing: (reference: string) => void;
  readonly update: (event: BlobEvent) => void;
}

const REFRESH_MS = 100;

/** Prints progress, unless `isQuiet`. Disposing clears the line that was being written over. */
export function progressPrinter({ isQuiet }: { isQuiet: boolean }): ProgressPrinter {
  const nothing = () => undefined;
  if (isQuiet) return { missing: nothing, update: nothing, [Symbol.dispose]: nothing };
  const missing = (reference: string) => printError(`Unable to find image '${reference}' locally\n`);
  return isTerminal(2) ? { missing, ...liveLine() } : { missing, ...plainLines() };
}

function plainLines(): Pick<ProgressPrinter, "update" | typeof Symbol.dispose> {
  return {
    update: ({ kind, blob: { digest, size } }) => {
      if (kind === "done") printError(`${shortDigest(digest)} ${encodeSize(size)}\n`);
      if (kind === "present") printError(`${shortDigest(digest)} ${encodeSize(size)}, there already\n`);
    },
    [Symbol.dispose]: () => undefined,
  };
}

function liveLine(): Pick<ProgressPrinter, "update" | typeof Symbol.dispose> {
  const blobs = new Map<string, BlobEvent>();
  let shownAt = 0;
  const clear = () => printError("\r\x1b[K");
  return {
    update: (event) => {
      blobs.set(event.blob.digest, event);
      const now = Date.now();
      if (now - shownAt < REFRESH_MS) return;
      shownAt = now;
      clear();
      printError(summary([...blobs.values()]));
    },
    [Symbol.dispose]: () => {
      if (shownAt > 0) clear();
    },
  };
}

/** `2 of 5 blobs, 12.3 MB of 45 MB`. */
export function summary(blobs: readonly BlobEvent[]): string {
  const moved = blobs.reduce((sum, event) => sum + ("offset" in event ? event.offset : event.blob.size), 0);
  const total = blobs.reduce((sum, { blob }) => sum + blob.size, 0);
  const finished = blobs.filter(({ kind }) => kind === "done" || kind === "present").length;
  return `${finished} of ${blobs.length} blobs, ${encodeSize(moved)} of ${encodeSize(total)}`;
}
