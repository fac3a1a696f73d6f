/**
 * The standard streams of a container in the foreground. Pipes and files are handed over as they are; a terminal of the
 * host never is (a program that holds it can type into it, TIOCSTI): it is relayed. With `-t` the container has a
 * terminal of its own, and ours is put into raw mode.
 */
import { TeuError } from "../../base/index.ts";
import {
  closeSync,
  copyTerminalSize,
  isTerminal,
  makeRaw,
  O,
  openSync,
  pipe,
  relayInput,
  relayPipe,
  relayTerminal,
} from "../../sys/index.ts";

/** `-i` and `-t`. */
export interface StreamOptions {
  /** Whether the container reads our input; otherwise it reads nothing. */
  readonly interactive: boolean;
  readonly terminal: boolean;
}

/** `-it` where no terminal is. Docker's words. */
export class NotATerminal extends TeuError<"not-a-terminal"> {
  constructor() {
    super("not-a-terminal", "invalid", {}, "the input device is not a TTY", {
      hint: "Leave -t out where input comes from a pipe",
    });
  }
}

/** Streams of one container, from before it is made until it has ended. */
export class Streams implements Disposable {
  /** What the runtime gives the container as 0, 1 and 2. */
  readonly stdio: readonly [number, number, number];
  readonly #options: StreamOptions;
  /** What we opened for the container: to be closed as soon as it has its own. */
  readonly #theirs: number[] = [];
  readonly #cleanUp = new DisposableStack();
  /** What ends when the container's last writer has. */
  readonly #outputs: Promise<void>[] = [];

  constructor(options: StreamOptions) {
    this.#options = options;
    if (options.terminal && options.interactive && !isTerminal(0)) throw new NotATerminal();
    const nothing = options.terminal || !options.interactive ? this.#open("/dev/null") : -1;
    this.stdio = options.terminal
      ? [nothing, nothing, nothing]
      : [options.interactive ? this.#input() : nothing, this.#output(1), this.#output(2)];
  }

  /** The container is made: it has its descriptors, ours of them would keep its streams open. */
  handOver(): void {
    for (const descriptor of this.#theirs.splice(0)) closeSync(descriptor);
  }

  /** The person's side of the container's terminal; it is ours from here on. */
  attach(master: number): void {
    this.#cleanUp.defer(() => closeSync(master));
    copyTerminalSize(1, master);
    const resize = () => copyTerminalSize(1, master);
    process.on("SIGWINCH", resize);
    this.#cleanUp.defer(() => process.off("SIGWINCH", resize));
    this.#outputs.push(relayTerminal(master, 1));
    if (!this.#options.interactive) return;
    this.#cleanUp.use(makeRaw(0));
    this.#cleanUp.use(relayInput(master));
  }

  /** Resolves when all that the container wrote has been written. */
  async drained(): Promise<void> {
    await Promise.all(this.#outputs);
  }

  [Symbol.dispose](): void {
    this.handOver();
    this.#cleanUp.dispose();
  }

  #input(): number {
    if (!isTerminal(0)) return 0;
    const { read, write } = pipe();
    this.#theirs.push(read);
    const input = this.#cleanUp.use(relayInput(write));
    void input.ended.then(() => closeSync(write)); // the end of our input is the end of theirs
    return read;
  }

  #output(descriptor: number): number {
    if (!isTerminal(descriptor)) return descriptor;
    const { read, write } = pipe();
    this.#theirs.push(write);
    this.#outputs.push(relayPipe(read, descriptor).then(() => closeSync(read)));
    return write;
  }

  #open(path: string): number {
    const descriptor = openSync(path, O.RDWR);
    this.#theirs.push(descriptor);
    return descriptor;
  }
}
