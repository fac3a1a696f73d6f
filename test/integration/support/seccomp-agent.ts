/**
 * An agent that answers for the calls of a container: it listens where a profile's listenerPath says, keeps what it is told,
 * and answers every notification by one function. Source: runtime-spec config-linux.md, Seccomp; seccomp_unotify(2).
 */
import { rmSync } from "node:fs";
import { acceptWaiting, check, errno, listenUnix, receiveMessage, syscall } from "../../../src/sys/index.ts";

/** What becomes of a call: it goes on as if nobody had asked, or fails with an errno, or returns a value. */
export type Verdict = "continue" | { readonly errno: number } | { readonly value: number };

const NOTIF_RECV = 0xc050_2100;
const NOTIF_SEND = 0xc018_2101;
const NOTIF_BYTES = 80;
const MESSAGE_BYTES = 65_536;
const FLAG_CONTINUE = 1;
const POLLIN = 1;
const PAUSE_MS = 2;

export class SeccompAgent implements AsyncDisposable {
  /** The container process states, in the order in which they came. */
  readonly states: unknown[] = [];
  /** How many descriptors came with each. */
  readonly descriptors: number[] = [];
  /** The numbers of the calls that were asked about. */
  readonly asked: number[] = [];
  readonly #path: string;
  readonly #decide: (call: number) => Verdict;
  readonly #socket: number;
  readonly #listeners: number[] = [];
  readonly #loop: Promise<void>;
  #isOver = false;

  constructor(path: string, decide: (call: number) => Verdict) {
    this.#path = path;
    this.#decide = decide;
    this.#socket = listenUnix(path);
    this.#loop = this.#serve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#loop;
    for (const descriptor of [this.#socket, ...this.#listeners]) syscall("close", descriptor);
    rmSync(this.#path, { force: true });
  }

  async #serve(): Promise<void> {
    while (!this.#isOver) {
      this.#accept();
      for (const listener of this.#listeners) while (isReadable(listener)) this.#answer(listener);
      await Bun.sleep(PAUSE_MS);
    }
  }

  #accept(): void {
    const connection = acceptWaiting(this.#socket);
    if (connection === undefined) return;
    // One message of one state. Not until the end of the stream: runc 1.1 keeps its end open.
    const bytes = new Uint8Array(new ArrayBuffer(MESSAGE_BYTES));
    const { length, descriptors } = receiveMessage(connection, bytes);
    syscall("close", connection);
    this.#listeners.push(...descriptors);
    this.descriptors.push(descriptors.length);
    this.states.push(JSON.parse(new TextDecoder().decode(bytes.subarray(0, length))));
  }

  #answer(listener: number): void {
    const asked = new DataView(new ArrayBuffer(NOTIF_BYTES));
    // Who asked may be gone by now.
    if (syscall("ioctl", listener, NOTIF_RECV, asked) === -errno.ENOENT) return;
    const call = asked.getInt32(16, true);
    this.asked.push(call);
    const verdict = this.#decide(call);
    const answer = new DataView(new ArrayBuffer(24));
    answer.setBigUint64(0, asked.getBigUint64(0, true), true);
    if (verdict === "continue") answer.setUint32(20, FLAG_CONTINUE, true);
    else if ("errno" in verdict) answer.setInt32(16, -verdict.errno, true);
    else answer.setBigInt64(8, BigInt(verdict.value), true);
    const sent = syscall("ioctl", listener, NOTIF_SEND, answer);
    if (sent !== -errno.ENOENT) check(sent, "ioctl");
  }
}

/** Whether a notification waits; a listener whose processes are all gone only hangs up. */
function isReadable(listener: number): boolean {
  const polled = new Int32Array([listener, POLLIN]);
  check(syscall("ppoll", polled, 1, new BigInt64Array(2), 0, 0), "ppoll");
  return (((polled[1] ?? 0) >> 16) & POLLIN) !== 0;
}
