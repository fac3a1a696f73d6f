/**
 * Starts a monitor and has it start the container: what the teu that makes a container does, and nobody later. See
 * native/monitor.c. Until the container is named, the monitor and all that it started end with this object.
 */
import { closeSync, openSync } from "node:fs";
import monitorProgram from "../../../native/out/monitor.elf.base64" with { type: "text" };
import { check, errno, processInode, sealedFile, socketPair, spawn } from "../../sys/index.ts";
import { MonitorControl, MonitorFailed } from "./control.ts";
import {
  type Configuration,
  encodeConfigure,
  encodeContainer,
  encodeTerminal,
  type Kept,
  type Message,
} from "./protocol.ts";

/** A monitor, as its starter sees it. */
export class Monitor extends MonitorControl {
  readonly pid: number;
  /** Of its pidfd, where that tells it from every other process. */
  readonly inode: number | undefined;
  /** Whether it has not answered yet how it took its configuration. */
  #isConfiguring = false;

  private constructor(pid: number, inode: number | undefined, socket: number) {
    super(socket);
    this.pid = pid;
    this.inode = inode;
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
    this.send(encodeConfigure(kept, configuration, joins));
    this.#isConfiguring = true;
  }

  /** The person's side of the container's terminal takes the place of the pipes. It stays the caller's too. */
  giveTerminal(master: number): void {
    this.send(encodeTerminal(master));
    check(this.receive("done").reply.error, "terminal");
  }

  /**
   * Says which process is the container's. From here on the monitor needs us no more.
   * @param oomEvents  The file of its cgroup that counts kills for want of memory; it stays the caller's too.
   * @throws {MonitorFailed} It has ended already.
   */
  nameContainer(pid: number, oomEvents?: number): void {
    this.send(encodeContainer(pid, oomEvents));
    const { error } = this.receive("done").reply;
    if (error === -errno.ECHILD) throw new MonitorFailed({ what: "the container's first process has ended" });
    check(error, "container");
  }

  protected override send(message: Message): void {
    if (this.#isConfiguring) {
      this.#isConfiguring = false;
      check(this.receive("done").reply.error, "configure", "log");
    }
    super.send(message);
  }
}
