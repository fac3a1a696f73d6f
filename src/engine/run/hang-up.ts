/**
 * A terminal that goes away: its window was closed, its connection broke. The kernel sends SIGHUP to whose terminal it is; who ignores that, passes it on to a program
 * that does, or sits at a terminal of somebody else's, has a container in the foreground that nobody sees any more.
 */
import { TeuError } from "../../base/index.ts";
import { isOtherEndClosed, isTerminal } from "../../sys/index.ts";

/** 128 + SIGHUP. */
const HUNG_UP = 129;

/** Nobody is left to be shown anything. It is not told: there is nowhere to tell it. */
export class HungUp extends TeuError<"hung-up", { status: number }> {
  constructor() {
    super("hung-up", "cancelled", { status: HUNG_UP }, "The terminal has hung up: the container goes on");
  }
}

/** The kernel wakes nobody here for it: the event loop has no place for what is only written to. */
const LOOK_AGAIN_MS = 500;

/** Calls `then` at every look at which each of `outputs` is a terminal that has hung up, until disposed of. Where one of them is a file or a pipe, that is read later, or elsewhere. */
export function onHangUp(outputs: readonly (1 | 2)[], then: () => void): Disposable {
  if (!outputs.every(isTerminal)) return { [Symbol.dispose]: () => undefined };
  const timer = setInterval(() => outputs.every(isOtherEndClosed) && then(), LOOK_AGAIN_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
