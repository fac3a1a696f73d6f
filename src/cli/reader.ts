/** Whoever reads our standard output: `teu logs -f web | head -1` has no more to say when head has ended, whether web writes again or not. */
import { TeuError } from "../base/index.ts";
import { isOtherEndClosed } from "../sys/index.ts";

/** 128 + SIGPIPE: what a shell sees of docker and podman, which the kernel ends, without a word. */
export const READER_GONE = 141;

/** Nobody reads any more what is not all written. It is not told: whoever stopped reading knows. */
export class ReaderGone extends TeuError<"reader-gone", { status: number }> {
  constructor() {
    super("reader-gone", "cancelled", { status: READER_GONE }, "Nobody reads standard output any more");
  }
}

/** The kernel wakes nobody here for it: the event loop has no place for what is only written to. */
const LOOK_AGAIN_MS = 200;

/** Whether standard output is a pipe or a terminal whose other end is closed. */
export function isReaderGone(): boolean {
  return isOtherEndClosed(1);
}

/** Calls `then` when the reader has gone, until it is disposed of. */
export function onReaderGone(then: () => void): Disposable {
  const timer = setInterval(() => isReaderGone() && then(), LOOK_AGAIN_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
