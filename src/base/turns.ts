/** Lets one go on at a time, in the order in which they came. */

/** One queue. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Does `task` when all who came before have ended, however they did. @param signal  Ends the wait. */
  async take<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    // Whoever leaves the queue early still lets nobody overtake those before him.
    this.#last = before.then(() => promise);
    try {
      await unlessAborted(before, signal);
      return await task();
    } finally {
      resolve();
    }
  }
}

async function unlessAborted(before: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await before;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([before, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
