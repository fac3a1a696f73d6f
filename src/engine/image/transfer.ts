/** What pulls and pushes tell while blobs move, and how many move at once. */
import type { Digest } from "../../spec/index.ts";

/** One blob on its way. */
export interface TransferProgress {
  readonly digest: Digest;
  /** Bytes that have arrived, of `total`. */
  readonly done: number;
  readonly total: number;
  readonly state: "moving" | "done" | "present";
}

/** Is told of every step of every blob. */
export type TransferObserver = (progress: TransferProgress) => void;

/** As many as docker: more do not fill a line any better, and some registries mind. */
const AT_ONCE = 3;

/** Calls `work` for every item, a few at once; the first failure stops the others and is thrown when they have stopped. */
export async function forEachAtOnce<T>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const either = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  const rest = items[Symbol.iterator]();
  let first: { error: unknown } | undefined;
  const worker = async () => {
    try {
      for (const item of rest) {
        either.throwIfAborted();
        await work(item, either);
      }
    } catch (error) {
      first ??= { error };
      failure.abort(error);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (first !== undefined) throw first.error;
}
