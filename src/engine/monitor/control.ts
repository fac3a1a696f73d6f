/**
 * What a monitor is told to do: by the teu that starts its container, over a socket that both have from the beginning, and by a later one that has it start a
 * program in the container, over a socket that it sends. See native/monitor.c.
 */
import { type HostPath, TeuError } from "../../base/index.ts";
import {
  check,
  closeSync,
  decodeWaitStatus,
  type Ended,
  errnoOf,
  type Received,
  receiveMessage,
  type Spawn,
  sendMessage,
  socketPair,
} from "../../sys/index.ts";
import {
  decodeReply,
  encodeCommand,
  encodeSpawn,
  encodeTell,
  type Message,
  REPLY_BYTES,
  type Reply,
} from "./protocol.ts";
import { connectIn } from "./socket.ts";

/** A monitor ended, or did not understand us. */
export class MonitorFailed extends TeuError<"monitor-failed", { what: string }> {
  constructor(context: { what: string }) {
    super("monitor-failed", "internal", context, `Cannot use the container's monitor: ${context.what}`);
  }
}

type ReplyOf<Kind extends Reply["kind"]> = Extract<Reply, { kind: Kind }>;

/** A monitor that does what it is told. Every call waits for the answer, which takes microseconds. */
export class MonitorControl implements Disposable {
  readonly #socket: number;
  #isOpen = true;
  /** Processes that have ended, and how. */
  readonly #ended = new Map<number, number>();

  protected constructor(socket: number) {
    this.#socket = socket;
  }

  /**
   * That of the container whose run directory is `directory`, while the container runs; undefined: it takes no commands, being of an older teu, or busy with too many clients.
   * @throws {NotAttachable}
   */
  static of(directory: HostPath): MonitorControl | undefined {
    const connection = connectIn(directory);
    const [ours, theirs] = socketPair();
    using failing = new DisposableStack();
    const control = failing.use(new MonitorControl(ours));
    const { bytes, descriptors } = encodeCommand(theirs);
    // One that does not know the word hangs up, and so does one that has no room for another client, perhaps before it is said.
    sendMessage(connection, bytes, descriptors);
    closeSync(theirs);
    const answer = control.#next();
    closeSync(connection);
    if (answer === undefined) return undefined;
    failing.move();
    return control;
  }

  /**
   * As `spawn` of src/sys, but that the process is a child of the monitor. The caller closes `pidfd`.
   * @param meanwhile  Is called while the monitor is at it; it throws nothing.
   * @throws {SystemCallFailed}
   */
  spawn(
    request: Spawn & { readonly executable: number },
    meanwhile?: () => void,
  ): { pid: number; pidfd: number } {
    this.send(encodeSpawn(request));
    meanwhile?.();
    const { reply, descriptors } = this.receive("spawned");
    const [pidfd = -1] = descriptors;
    if (reply.error < 0 && pidfd >= 0) closeSync(pidfd);
    check(reply.pid, "clone3");
    check(reply.error, "execveat");
    return { pid: reply.pid, pidfd };
  }

  /** Waits until a process that the monitor started, or was left, has ended. */
  reap(pid: number): Ended {
    for (;;) {
      const word = this.#ended.get(pid);
      if (word !== undefined) return decodeWaitStatus(pid, word);
      this.receive("ended");
    }
  }

  /**
   * Has it add a line to `file` when its child `pid` has ended: `line`, the exit status, the time in milliseconds, and what ends both. It may be at its own
   * end, with the container; and where it has no room for it, nobody is told.
   * @returns how the child has ended, if it has: then nobody is told either
   */
  tellEnd(pid: number, file: HostPath, line: string): Ended | undefined {
    const { bytes, descriptors } = encodeTell(pid, file, line);
    sendMessage(this.#socket, bytes, descriptors);
    // What it has told before its answer, or before its end, is read either way.
    let next = this.#next();
    while (next?.reply.kind === "ended") next = this.#next();
    const word = this.#ended.get(pid);
    const isTold = next?.reply.kind === "done" && next.reply.error === 0;
    return isTold || word === undefined ? undefined : decodeWaitStatus(pid, word);
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) closeSync(this.#socket);
    this.#isOpen = false;
  }

  protected send({ bytes, descriptors }: Message): void {
    check(sendMessage(this.#socket, bytes, descriptors), "sendmsg", "monitor");
  }

  /** Waits for a message of `kind`; news of processes that have ended may come before it. */
  protected receive<Kind extends Reply["kind"]>(
    kind: Kind,
  ): { reply: ReplyOf<Kind>; descriptors: readonly number[] } {
    for (;;) {
      const next = this.#next();
      if (next === undefined) throw new MonitorFailed({ what: "it has ended" });
      const { reply, descriptors } = next;
      if (reply.kind === kind) return { reply: reply as ReplyOf<Kind>, descriptors }; // the kind is its own
      if (reply.kind !== "ended") throw new MonitorFailed({ what: `it answered ${reply.kind} for ${kind}` });
    }
  }

  /** The next message; undefined when the monitor has ended. */
  #next(): { reply: Reply; descriptors: readonly number[] } | undefined {
    const bytes = new Uint8Array(new ArrayBuffer(REPLY_BYTES));
    const { length, descriptors } = this.#received(bytes);
    if (length !== REPLY_BYTES) return undefined;
    const reply = decodeReply(bytes);
    if (reply.kind === "ended") this.#ended.set(reply.pid, reply.waitStatus);
    return { reply, descriptors };
  }

  /** A monitor that ends before it has read what we sent is an error once; what it sent comes after it. */
  #received(bytes: Uint8Array<ArrayBuffer>): Received {
    try {
      return receiveMessage(this.#socket, bytes);
    } catch (error) {
      if (errnoOf(error) !== "ECONNRESET") throw error;
      return receiveMessage(this.#socket, bytes);
    }
  }
}
