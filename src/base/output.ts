/**
 * Writing results and messages. `process.stdout` is not touched: it costs 8 ms at start and loses what is left in its
 * buffer when the process exits; these writes are complete when they return.
 */
import { TeuError } from "./errors.ts";

/** What was to be shown could not be written: the disk that the output goes to is full, for instance. */
export class OutputFailed extends TeuError<"output-failed", { stream: string; code: string }> {
  constructor(context: { stream: string; code: string }, cause: Error) {
    // Node's own: `ENOSPC: no space left on device, write`.
    const why = /^\w+: ([^,]+)/.exec(cause.message)?.[1] ?? cause.message;
    super("output-failed", "unavailable", context, `Cannot write to ${context.stream}: ${why}`, { cause });
  }
}

/** Writes `text` to standard output, whole. @returns whether somebody reads it. @throws {OutputFailed} */
export function print(text: string): boolean {
  return writeAll(1, text);
}

/** Writes `text` to standard error, whole; where that cannot be, there is nobody to be told. */
export function printError(text: string): void {
  try {
    writeAll(2, text);
  } catch (error) {
    if (!(error instanceof OutputFailed)) throw error;
  }
}

/**
 * Writes all of `data` to `descriptor`. A reader that has gone away is no error: nobody is left to be told.
 * @returns false: it has gone, and whoever has more to write need not. @throws {OutputFailed} of standard streams
 */
export function writeAll(descriptor: number, data: string | Uint8Array): boolean {
  // Loaded here: it takes a millisecond, and most commands of the runtime have nothing to say.
  const { writeSync } = process.getBuiltinModule("node:fs");
  let rest = typeof data === "string" ? Buffer.from(data, "utf8") : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE" || code === "EBADF") return false;
      if (code !== "EAGAIN") throw STREAMS[descriptor] ? failure(descriptor, error as Error) : error; // it has a code
      // Somebody left O_NONBLOCK on a shared pipe and its reader is slow: wait, rather than lose the rest.
      Atomics.wait(SLEEPER, 0, 0, 1);
    }
  }
  return true;
}

const STREAMS: Readonly<Record<number, string>> = { 1: "standard output", 2: "standard error" };

function failure(descriptor: number, error: Error): OutputFailed {
  return new OutputFailed(
    { stream: STREAMS[descriptor] ?? "", code: (error as NodeJS.ErrnoException).code ?? "" },
    error,
  );
}

const SLEEPER = new Int32Array(new SharedArrayBuffer(4));
