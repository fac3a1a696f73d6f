/**
 * systemd's notify protocol for a container: it gets a socket of its own at /run/notify, and once it says READY=1 there,
 * the socket in our environment is told so, and that the container's init is the service's main process.
 * Source: sd_notify(3), sd_notify_barrier(3); runc, NOTIFY_SOCKET.
 */
import type { Mount, RuntimeConfig } from "../../spec/index.ts";
import {
  check,
  closeSync,
  cString,
  datagramUnix,
  errno,
  existsSync,
  mkdirSync,
  O,
  openSync,
  pipe,
  receiveMessage,
  sendMessage,
  syscall,
  writeTextSync,
} from "../../sys/index.ts";

const INSIDE = "/run/notify";
const NAME = "notify.sock";
/** Beside the folder: the container has said that it is ready. */
const NOTIFIED = "notified";
const AT_FDCWD = -100;
const POLLIN = 1;
const SHUT_RD = 0;
const MESSAGE_BYTES = 4096;
const BARRIER_SECONDS = 30n;

/** The document with the folder of the socket mounted, and its name in the environment. Makes the folder. */
export function addNotifySocket(config: RuntimeConfig, stateDirectory: string): RuntimeConfig {
  mkdirSync(folderOf(stateDirectory), { mode: 0o755 });
  const { process } = config;
  return {
    ...withNotifyFolder(config, stateDirectory),
    ...(process && {
      process: { ...process, env: [...(process.env ?? []), `NOTIFY_SOCKET=${INSIDE}/${NAME}`] },
    }),
  };
}

/** The document with the folder of the socket mounted. */
function withNotifyFolder(config: RuntimeConfig, stateDirectory: string): RuntimeConfig {
  const options = ["bind", "nosuid", "noexec", "nodev", "ro"];
  const mount: Mount = { destination: INSIDE, source: folderOf(stateDirectory), options };
  return { ...config, mounts: [...(config.mounts ?? []), mount] };
}

/** The document of a container that is there, with the folder of the socket mounted if it was created with one. */
export function withNotifyFolderIfAny(config: RuntimeConfig, stateDirectory: string): RuntimeConfig {
  return hasNotifySocket(stateDirectory) ? withNotifyFolder(config, stateDirectory) : config;
}

/** Whether the container was created with a socket. */
export function hasNotifySocket(stateDirectory: string): boolean {
  return existsSync(folderOf(stateDirectory));
}

/** Notes that the container has said that it is ready. */
export function noteNotified(stateDirectory: string): void {
  writeTextSync(`${stateDirectory}/${NOTIFIED}`, "", { mode: 0o600 });
}

/** Whether the container has said that it is ready. */
export function hasNotified(stateDirectory: string): boolean {
  return existsSync(`${stateDirectory}/${NOTIFIED}`);
}

function folderOf(stateDirectory: string): string {
  return `${stateDirectory}/notify`;
}

/** The container's socket, from before its program runs. */
export class NotifySocket implements Disposable {
  readonly #socket: number;
  readonly #stateDirectory: string;
  readonly #host: string;

  private constructor(socket: number, stateDirectory: string, host: string) {
    this.#socket = socket;
    this.#stateDirectory = stateDirectory;
    this.#host = host;
  }

  /** Undefined where the container was created without one. @param host  Whom to tell. */
  static bind(stateDirectory: string, host: string): NotifySocket | undefined {
    if (!hasNotifySocket(stateDirectory)) return undefined;
    const folder = folderOf(stateDirectory);
    // The path of a socket has to be short, and a state directory's may be long.
    const directory = openSync(folder, O.PATH | O.DIRECTORY | O.CLOEXEC);
    try {
      const path = `/proc/self/fd/${directory}/${NAME}`;
      const socket = datagramUnix("bind", path);
      // Whatever user the program runs as may write to it.
      const result = syscall("fchmodat", AT_FDCWD, cString(path), 0o777);
      if (result < 0) closeSync(socket);
      check(result, "fchmodat", path);
      return new NotifySocket(socket, stateDirectory, host);
    } finally {
      closeSync(directory);
    }
  }

  /**
   * Returns when the container is ready and the host was told, or when it has ended.
   * @param pidfd  Undefined for one that has ended already: it may have said so before.
   */
  wait(pid: number, pidfd: number | undefined): void {
    const bytes = new Uint8Array(new ArrayBuffer(MESSAGE_BYTES));
    for (;;) {
      if (!(pidfd === undefined ? isReadable([this.#socket], 0n) : isReadable([this.#socket, pidfd]))) return;
      const { length, descriptors } = receiveMessage(this.#socket, bytes);
      for (const descriptor of descriptors) closeSync(descriptor);
      if (!this.#pass(bytes.subarray(0, length), pid)) continue;
      awaitReader(this.#host);
      return;
    }
  }

  /**
   * Tells the host that the container is ready, which it was before it was restored and will not say again.
   * @param thenLeave  This process ends before the container does.
   */
  tellReady(pid: number, { thenLeave }: { readonly thenLeave: boolean }): void {
    this.#tell("READY=1", pid);
    if (thenLeave) awaitReader(this.#host);
  }

  /** The same while the event loop goes on. Resolves when the host was told, or the socket is disposed of. */
  async follow(pid: number): Promise<void> {
    const { createReadStream } = await import("node:fs");
    const options = { fd: this.#socket, autoClose: false, highWaterMark: MESSAGE_BYTES };
    // Without an encoding a stream gives bytes; one piece is one message.
    for await (const chunk of createReadStream("", options) as AsyncIterable<Uint8Array>)
      if (this.#pass(chunk, pid)) return;
  }

  /** Tells the host, if this message says that the container is ready. */
  #pass(message: Uint8Array, pid: number): boolean {
    const lines = new TextDecoder().decode(message).split("\n");
    const ready = lines.find((line) => line.startsWith("READY="));
    if (ready === undefined) return false;
    this.#tell(ready, pid);
    return true;
  }

  #tell(ready: string, pid: number): void {
    tell(this.#host, [ready, `MAINPID=${pid}`]);
    noteNotified(this.#stateDirectory);
  }

  [Symbol.dispose](): void {
    syscall("shutdown", this.#socket, SHUT_RD);
    closeSync(this.#socket);
  }
}

function tell(host: string, messages: readonly string[]): void {
  const socket = datagramUnix("connect", host);
  try {
    for (const message of messages) check(sendMessage(socket, bytesOf(`${message}\n`)), "sendmsg", host);
  } finally {
    closeSync(socket);
  }
}

/**
 * Waits until what was sent before is read: then the other end of the pipe, which is sent along, is closed. Whoever waits
 * for us ends with us: systemd must know the main process before.
 */
function awaitReader(host: string): void {
  const socket = datagramUnix("connect", host);
  const { read: reader, write: writer } = pipe();
  try {
    check(sendMessage(socket, bytesOf("BARRIER=1"), [writer]), "sendmsg", host);
  } finally {
    closeSync(writer);
    closeSync(socket);
  }
  isReadable([reader], BARRIER_SECONDS);
  closeSync(reader);
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}

/** Waits until one of the descriptors can be read, and says whether it is the first. Without `seconds`: as long as it takes. */
function isReadable(descriptors: readonly number[], seconds?: bigint): boolean {
  const waited = new Int32Array(descriptors.flatMap((descriptor) => [descriptor, POLLIN]));
  const time = seconds === undefined ? 0 : BigInt64Array.of(seconds, 0n);
  let ready: number;
  do ready = syscall("ppoll", waited, descriptors.length, time, 0);
  while (ready === -errno.EINTR);
  check(ready, "ppoll");
  // The upper half of the second word is what has come.
  return (waited[1] ?? 0) >> 16 !== 0;
}
