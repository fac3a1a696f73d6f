/** Signals that reach a teu in the foreground go on to the container's first process. */
import { TeuError } from "../../base/index.ts";

/** The person asked for an end. The exit status says by which signal, as shells do. */
export class Interrupted extends TeuError<"interrupted", { signal: string; status: number }> {
  constructor(context: { signal: string; status: number }) {
    super("interrupted", "cancelled", context, `Interrupted by ${context.signal}`);
  }
}

/**
 * What can be forwarded. Not: KILL and STOP, which nobody can catch; CHLD, PIPE, WINCH and URG, which are ours; TSTP, TTIN
 * and TTOU, by which a shell stops us; PWR and the real-time signals, which Bun does not deliver.
 */
const FORWARDED = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGCONT",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
] as const satisfies readonly NodeJS.Signals[];

const SIGKILL = 9;

/** So many requests to end, and the container is killed: its first process may be deaf to them. As docker has it. */
const PATIENCE = 3;

/** Passes the number of every signal to `deliver` until disposed of. */
export function forwardSignals(deliver: (signal: number) => void): Disposable {
  let requests = 0;
  const listener = (signal: NodeJS.Signals, number: number) => {
    if (signal === "SIGINT" || signal === "SIGTERM") requests++;
    deliver(requests >= PATIENCE ? SIGKILL : number);
  };
  for (const signal of FORWARDED) process.on(signal, listener);
  return {
    [Symbol.dispose](): void {
      for (const signal of FORWARDED) process.off(signal, listener);
    },
  };
}

/** Aborts with {@link Interrupted} at the first request to end, until disposed of. */
export function abortOnSignal(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const listener = (signal: NodeJS.Signals, number: number) =>
    controller.abort(new Interrupted({ signal, status: 128 + number }));
  const ends = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
  for (const signal of ends) process.on(signal, listener);
  return {
    signal: controller.signal,
    [Symbol.dispose](): void {
      for (const signal of ends) process.off(signal, listener);
    },
  };
}
