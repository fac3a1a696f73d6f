/** Several things at once, a few at a time. */

/**
 * Runs `task` for every item, at most `limit` at once, in order of their beginning. The first failure aborts the signal
 * that the others were given; it is thrown when all of them have ended.
 */
export async function forEachParallel<T>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal | undefined,
  task: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const queue = items.values();
  const work = async (): Promise<void> => {
    for (const item of queue) {
      if (either.aborted) return;
      try {
        await task(item, either);
      } catch (error) {
        failed.abort(error);
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  // The caller's reason comes before what it made of our tasks.
  signal?.throwIfAborted();
  failed.signal.throwIfAborted();
}
