/**
 * A container or exec in the foreground: signals that reach us go on to its process, its terminal is relayed to ours,
 * and its end is our end. Without a terminal it has our own standard streams and nothing is copied.
 */
import {
  check,
  childEnded,
  closeSync,
  copyTerminalSize,
  errno,
  isTerminal,
  keepNewlines,
  makeRaw,
  relayInput,
  relayTerminal,
  signalNumbers,
  syscall,
} from "../../sys/index.ts";

/**
 * What can be forwarded. Not KILL and STOP, which nobody can catch; nor CHLD, PIPE, WINCH and URG, which are ours; nor
 * TSTP, TTIN and TTOU, by which a shell stops us.
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

const F_DUPFD_CLOEXEC = 1030;
const FIRST_FREE = 3;

/** From before the process is made, so that no signal is lost, until it has ended. */
export class Foreground implements Disposable {
  readonly #cleanUp = new DisposableStack();
  /** What came before there was a process to send it to. */
  readonly #early: NodeJS.Signals[] = [];
  #pidfd: number | undefined;
  #master: number | undefined;
  #output: Promise<void> = Promise.resolve();

  constructor() {
    const listener = (signal: NodeJS.Signals): void => {
      if (this.#pidfd === undefined) this.#early.push(signal);
      else send(this.#pidfd, signal);
    };
    for (const signal of FORWARDED) process.on(signal, listener);
    this.#cleanUp.defer(() => {
      for (const signal of FORWARDED) process.off(signal, listener);
    });
  }

  /** Relays the terminal whose master is `master`; the caller keeps its own descriptor of it. */
  attach(master: number): void {
    const ours = check(syscall("fcntl", master, F_DUPFD_CLOEXEC, FIRST_FREE), "fcntl");
    this.#cleanUp.defer(() => closeSync(ours));
    const resize = (): void => copyTerminalSize(isTerminal(0) ? 0 : 1, ours);
    resize();
    process.on("SIGWINCH", resize);
    this.#cleanUp.defer(() => process.off("SIGWINCH", resize));
    // Newlines are made into lines where they are shown, so that a file or a pipe gets them as they were written.
    keepNewlines(ours);
    this.#master = ours;
    if (isTerminal(0)) this.#cleanUp.use(makeRaw(0, { keepsOutput: true }));
    this.#output = relayTerminal(ours, 1);
    this.#cleanUp.use(relayInput(ours));
  }

  /** After a restore: the terminal has got the modes back that it was saved with. */
  restored(): void {
    if (this.#master !== undefined) keepNewlines(this.#master);
  }

  /** Sends on what has come already, and from now on, to the process behind `pidfd`, which stays the caller's. */
  follow(pidfd: number): void {
    this.#pidfd = pidfd;
    for (const signal of this.#early.splice(0)) send(pidfd, signal);
  }

  /** Resolves with the exit status of our child `pid`, or 128 + its signal, when all its output is written. */
  async ended(pid: number): Promise<number> {
    const { status } = await childEnded(pid, { reapOthers: true });
    await this.#output;
    return status;
  }

  [Symbol.dispose](): void {
    this.#cleanUp.dispose();
  }
}

/** A process that has just ended takes no signal, and needs none. */
function send(pidfd: number, signal: NodeJS.Signals): void {
  const result = syscall("pidfd_send_signal", pidfd, signalNumbers()[signal] ?? 0, 0, 0);
  if (result !== -errno.ESRCH) check(result, "pidfd_send_signal");
}
