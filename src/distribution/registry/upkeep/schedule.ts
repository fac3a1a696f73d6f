/** Does something again and again, a time after it was done last; never twice at once. */

/** Begins after the first interval. Disposing tells what is under way to end, and waits until it has. */
export function repeat(
  intervalMs: number,
  task: (signal: AbortSignal) => Promise<unknown>,
  onError: (error: unknown) => void,
): AsyncDisposable {
  const ending = new AbortController();
  let running: Promise<void> | undefined;
  let timer: Timer | undefined;
  const schedule = (): void => {
    timer = setTimeout(() => {
      running = task(ending.signal)
        .catch((error: unknown) => {
          if (!ending.signal.aborted) onError(error);
        })
        .then(() => {
          running = undefined;
          if (!ending.signal.aborted) schedule();
        });
    }, intervalMs);
    timer.unref();
  };
  schedule();
  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
