/**
 * Writing results and messages. `process.stdout` is not touched: it costs 8 ms at start and loses what is left in its
 * buffer when the process exits; these writes are complete when they return.
 */
/** Writes `text` to standard output, whole. */
export function print(text: string): void {
  writeAll(1, text);
}

/** Writes `text` to standard error, whole. */
export function printError(text: string): void {
  writeAll(2, text);
}

/** Writes all of `data` to `descriptor`. A reader that has gone away is no error: nobody is left to be told. */
export function writeAll(descriptor: number, data: string | Uint8Array): void {
  // Loaded here: it takes a millisecond, and most commands of the runtime have nothing to say.
  const { writeSync } = process.getBuiltinModule("node:fs");
  let rest = typeof data === "string" ? Buffer.from(data, "utf8") : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE" || code === "EBADF") return;
      if (code !== "EAGAIN") throw error;
      // Somebody left O_NONBLOCK on a shared pipe and its reader is slow: wait, rather than lose the rest.
      Atomics.wait(SLEEPER, 0, 0, 1);
    }
  }
}

const SLEEPER = new Int32Array(new SharedArrayBuffer(4));
