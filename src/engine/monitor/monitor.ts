/**
 * Starts a monitor and has it start the container: what the teu that makes a container does, and nobody later. See
 * native/monitor.c. Until the container is named, the monitor and all that it started end with this object.
 */
import { closeSync, openSync } from "node:fs";
import monitorProgram from "../../../native/out/monitor.elf.base64" with { type: "text" };
import { TeuError } from "../../base/index.ts";
import {
  check,
  decodeWaitStatus,
  type Ended,
  processInode,
  receiveMessage,
  type Spawn,
  sealedFile,
  sendMessage,
  socketPair,
  spawn,
} from "../../sys/index.ts";
import {
  type Configuration,
  decodeReply,
  encodeConfigure,
  encodeContainer,
  encodeSpawn,
  encodeTerminal,
  type Kept,
  type Message,
  REPLY_BYTES,
  type Reply,
} from "./protocol.ts";

/** A monitor ended, or did not understand us. */
export class MonitorFailed extends TeuError<"monitor-failed", { what: string }> {
  constructor(context: { what: string }) {
    super("monitor-failed", "internal", context, `Cannot use the container's monitor: ${context.what}`);
  }
}

type ReplyOf<Kind extends Reply["kind"]> = Extract<Reply, { kind: Kind }>;

/** A monitor, as its starter sees it. Every call waits for the answer, which takes microseconds. */
export class Monitor implements Disposable {
  readonly pid: number;
  /** Of its pidfd, where that tells it from every other process. */
  readonly inode: number | undefined;
  readonly #socket: number;
  #isOpen = true;
  /** Processes that have ended, and how. */
  readonly #ended = new Map<number, number>();
  /** Whether it has not answered yet how it took its configuration. */
  #isConfiguring = false;

  private constructor(pid: number, inode: number | undefined, socket: number) {
    this.pid = pid;
    this.inode = inode;
    this.#socket = socket;
  }

  /**
   * Starts one; it is its own session and holds nothing of ours but the socket.
   * @param cgroup  Directory of the unified hierarchy to be born in; ours if absent.
   * @throws {SystemCallFailed}
   */
  static start(cgroup?: number): Monitor {
    const [ours, theirs] = socketPair();
    const executable = sealedFile("teu-monitor", Uint8Array.fromBase64(monitorProgram), { executable: true });
    const nothing = openSync("/dev/null", "r+");
    try {
      const { pid, pidfd } = spawn({
        executable,
        argv: ["teu-monitor"],
        env: [],
        descriptors: [nothing, nothing, nothing, theirs],
        ...(cgroup !== undefined && { cgroup }),
      });
      const inode = processInode(pidfd);
      closeSync(pidfd);
      return new Monitor(pid, inode, ours);
    } catch (error) {
      closeSync(ours);
      throw error;
    } finally {
      for (const descriptor of [theirs, executable, nothing]) closeSync(descriptor);
    }
  }

  /**
   * Gives it what it keeps. Descriptors stay the caller's too. It is just being started: whether its log can be opened is heard with the answer to
   * the next call, which throws where it cannot.
   * @param joins  Files by which it enters cgroups of its own.
   */
  configure(kept: Kept, configuration: Configuration, joins: readonly number[] = []): void {
    this.#send(encodeConfigure(kept, configuration, joins));
    this.#isConfiguring = true;
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
    this.#send(encodeSpawn(request));
    meanwhile?.();
    const { reply, descriptors } = this.#receive("spawned");
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
      this.#receive("ended");
    }
  }

  /** The person's side of the container's terminal takes the place of the pipes. It stays the caller's too. */
  giveTerminal(master: number): void {
    this.#send(encodeTerminal(master));
    check(this.#receive("done").reply.error, "terminal");
  }

  /**
   * Says which process is the container's. From here on the monitor needs us no more.
   * @param oomEvents  The file of its cgroup that counts kills for want of memory; it stays the caller's too.
   */
  nameContainer(pid: number, oomEvents?: number): void {
    this.#send(encodeContainer(pid, oomEvents));
    check(this.#receive("done").reply.error, "container");
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) closeSync(this.#socket);
    this.#isOpen = false;
  }

  #send({ bytes, descriptors }: Message): void {
    if (this.#isConfiguring) {
      this.#isConfiguring = false;
      check(this.#receive("done").reply.error, "configure", "log");
    }
    check(sendMessage(this.#socket, bytes, descriptors), "sendmsg", "monitor");
  }

  /** Waits for a message of `kind`; news of processes that have ended may come before it. */
  #receive<Kind extends Reply["kind"]>(kind: Kind): { reply: ReplyOf<Kind>; descriptors: readonly number[] } {
    for (;;) {
      const bytes = new Uint8Array(new ArrayBuffer(REPLY_BYTES));
      const { length, descriptors } = receiveMessage(this.#socket, bytes);
      if (length !== REPLY_BYTES) throw new MonitorFailed({ what: "it has ended" });
      const reply = decodeReply(bytes);
      if (reply.kind === "ended") this.#ended.set(reply.pid, reply.waitStatus);
      if (reply.kind === kind) return { reply: reply as ReplyOf<Kind>, descriptors }; // the kind is its own
      if (reply.kind !== "ended") throw new MonitorFailed({ what: `it answered ${reply.kind} for ${kind}` });
    }
  }
}
