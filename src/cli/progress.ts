/**
 * Progress of pulls and pushes, on stderr: a line that is written over where a person watches, a line per finished layer
 * where output is kept, nothing with -q.
 */
import { printError } from "../base/index.ts";
import type { TransferProgress } from "../engine/index.ts";
import { isTerminal } from "../sys/index.ts";
import { encodeSize, shortDigest } from "./text.ts";

/** What the engine tells while blobs move. */
export interface ProgressPrinter extends Disposable {
  /** The image is not here. Docker's words. */
  readonly missing: (reference: string) => void;
  readonly update: (progress: TransferProgress) => void;
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
    update: ({ digest, state, total }) => {
      if (state === "done") printError(`${shortDigest(digest)} ${encodeSize(total)}\n`);
      if (state === "present") printError(`${shortDigest(digest)} ${encodeSize(total)}, here already\n`);
    },
    [Symbol.dispose]: () => undefined,
  };
}

function liveLine(): Pick<ProgressPrinter, "update" | typeof Symbol.dispose> {
  const blobs = new Map<string, TransferProgress>();
  let shownAt = 0;
  const clear = () => printError("\r\x1b[K");
  return {
    update: (progress) => {
      blobs.set(progress.digest, progress);
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

/** `2 of 5 layers, 12.3 MB of 45 MB`. */
export function summary(blobs: readonly TransferProgress[]): string {
  const moved = blobs.reduce((sum, { done }) => sum + done, 0);
  const total = blobs.reduce((sum, blob) => sum + blob.total, 0);
  const finished = blobs.filter(({ state }) => state !== "moving").length;
  return `${finished} of ${blobs.length} blobs, ${encodeSize(moved)} of ${encodeSize(total)}`;
}
