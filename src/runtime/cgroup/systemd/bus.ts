/**
 * A connection to systemd, the system's or a user's own: over a bus, or where that is not up over systemd's own socket. One thing
 * at a time: a call waits for its reply; JobRemoved signals that come meanwhile are kept.
 * Source: D-Bus specification, Authentication Protocol; org.freedesktop.systemd1(5).
 */
import { TeuError } from "../../../base/index.ts";
import { check, connectUnix, errno, existsSync, syscall } from "../../../sys/index.ts";
import type { Value } from "./marshal.ts";
import {
  decodeMessage,
  encodeMessage,
  type Message,
  messageLength,
  messageTypes,
  PREFIX_BYTES,
} from "./message.ts";

/** systemd, or the bus, answered with an error. `name` is D-Bus's. */
export class SystemdRefused extends TeuError<
  "systemd-refused",
  { method: string; name: string; text: string }
> {
  constructor(context: { method: string; name: string; text: string }) {
    super(
      "systemd-refused",
      "failed-precondition",
      context,
      `${context.method}: ${context.text} (${context.name})`,
    );
  }
}

/** The connection could not be made, or broke, or nothing came for too long. */
export class SystemdUnreachable extends TeuError<"systemd-unreachable", { why: string }> {
  constructor(context: { why: string }, cause?: unknown) {
    super("systemd-unreachable", "unavailable", context, `Cannot reach systemd by D-Bus: ${context.why}`, {
      cause,
    });
  }
}

/** Of the systemd that is PID 1. */
const SYSTEM_SOCKETS: readonly string[] = ["/run/dbus/system_bus_socket", "/run/systemd/private"];
/** systemd's own, without a bus between. */
const PRIVATE_SOCKET = "/systemd/private";

/**
 * Of a user's own systemd: what the environment names, then what it has in the user's runtime directory.
 * Source: D-Bus specification, Server Addresses; sd_bus_open_user(3).
 */
export function userSockets(
  { DBUS_SESSION_BUS_ADDRESS: addresses = "", XDG_RUNTIME_DIR: runtime = "" }: Environment,
  uid: number,
): readonly string[] {
  const named = addresses.split(";").flatMap((address) => {
    const path = /^unix:(?:[^,]*,)*path=([^,]+)/.exec(address)?.[1];
    return path === undefined ? [] : [unescapeAddress(path)];
  });
  const directory = runtime || `/run/user/${uid}`;
  return [...named, `${directory}/bus`, `${directory}${PRIVATE_SOCKET}`];
}

type Environment = Readonly<Record<string, string | undefined>>;

function unescapeAddress(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}

const BUS = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};
const MANAGER = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
};
const PROPERTIES = { ...MANAGER, interface: "org.freedesktop.DBus.Properties" };
const POLLIN = 1;
/** How long runc waits, for an answer and for a job. */
const PATIENCE_MS = 30_000;
const CHUNK_BYTES = 16_384;

export class SystemdBus implements Disposable {
  readonly #socket: number;
  #serial = 0;
  #received: Uint8Array = new Uint8Array(0);
  /** By the path of the job: how it ended. */
  readonly #jobs = new Map<string, string>();

  /**
   * @param uid  Who we are to the other end; in a user namespace another than to ourselves.
   * @throws {SystemdUnreachable} {SystemdRefused}
   */
  constructor(sockets: readonly string[] = SYSTEM_SOCKETS, uid: number = process.geteuid?.() ?? 0) {
    const path = sockets.find((socket) => existsSync(socket));
    if (path === undefined) throw new SystemdUnreachable({ why: `there is no socket ${sockets.join(", ")}` });
    try {
      this.#socket = connectUnix(path);
    } catch (error) {
      throw new SystemdUnreachable({ why: `connecting to ${path}` }, error);
    }
    try {
      this.#authenticate(uid);
      if (!path.endsWith(PRIVATE_SOCKET)) this.#join();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Calls a method of systemd's manager; returns the body of its reply. @throws {SystemdRefused} {SystemdUnreachable} */
  call(member: string, signature = "", ...body: readonly Value[]): readonly Value[] {
    return this.#call({ ...MANAGER, member }, signature, body);
  }

  /** A property of systemd's manager. */
  get(property: string): Value {
    const [variant] = this.#call({ ...PROPERTIES, member: "Get" }, "ss", [MANAGER.interface, property]);
    return (variant as { value: Value }).value;
  }

  /** Waits for a job to be over; returns `done`, `failed`, `canceled`, `timeout`, `dependency` or `skipped`. */
  waitForJob(path: string): string {
    for (const until = Date.now() + PATIENCE_MS; ; ) {
      const result = this.#jobs.get(path);
      if (result !== undefined) return result;
      this.#note(this.#receive(until));
    }
  }

  [Symbol.dispose](): void {
    syscall("close", this.#socket);
  }

  /** EXTERNAL: the kernel tells the other end who we are. */
  #authenticate(uid: number): void {
    const digits = Buffer.from(String(uid)).toString("hex");
    this.#send(Buffer.from(`\0AUTH EXTERNAL ${digits}\r\n`));
    const until = Date.now() + PATIENCE_MS;
    let end = -1;
    while (end < 0) {
      this.#fill(until);
      end = Buffer.from(this.#received).indexOf("\r\n");
    }
    const line = Buffer.from(this.#received.subarray(0, end)).toString("latin1");
    if (!line.startsWith("OK ")) throw new SystemdUnreachable({ why: `authentication: ${line}` });
    this.#received = this.#received.subarray(end + 2);
    this.#send(Buffer.from("BEGIN\r\n"));
  }

  /** A bus wants to be greeted, and passes on only the signals that one asks for. */
  #join(): void {
    this.#call({ ...BUS, member: "Hello" });
    const rule = `type='signal',sender='${MANAGER.destination}',interface='${MANAGER.interface}',member='JobRemoved'`;
    this.#call({ ...BUS, member: "AddMatch" }, "s", [rule]);
    this.call("Subscribe");
  }

  #call(
    target: typeof MANAGER & { readonly member: string },
    signature = "",
    body: readonly Value[] = [],
  ): readonly Value[] {
    const serial = ++this.#serial;
    const fields = signature === "" ? target : { ...target, signature };
    this.#send(encodeMessage({ type: messageTypes.call, serial, fields, body }));
    for (const until = Date.now() + PATIENCE_MS; ; ) {
      const message = this.#receive(until);
      if (message.fields.replySerial !== serial) {
        this.#note(message);
        continue;
      }
      if (message.type !== messageTypes.error) return message.body;
      const [text = ""] = message.body;
      throw new SystemdRefused({
        method: target.member,
        name: String(message.fields.error),
        text: String(text),
      });
    }
  }

  #note({ type, fields, body }: Message): void {
    if (type !== messageTypes.signal || fields.member !== "JobRemoved") return;
    const [, job, , result] = body;
    this.#jobs.set(String(job), String(result));
  }

  #send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const rest = bytes.subarray(at);
      const written = syscall("write", this.#socket, rest, rest.length);
      if (written === -errno.EINTR) continue;
      if (written < 0) throw new SystemdUnreachable({ why: "the connection broke" });
      at += written;
    }
  }

  /** The next message of whatever kind. */
  #receive(until: number): Message {
    while (this.#received.length < PREFIX_BYTES) this.#fill(until);
    const length = messageLength(this.#received);
    while (this.#received.length < length) this.#fill(until);
    const message = decodeMessage(this.#received.slice(0, length));
    this.#received = this.#received.subarray(length);
    return message;
  }

  /** Waits for more bytes. */
  #fill(until: number): void {
    const left = Math.max(0, until - Date.now());
    const timeout = BigInt64Array.of(BigInt(Math.floor(left / 1000)), BigInt(left % 1000) * 1_000_000n);
    const ready = syscall("ppoll", Int32Array.of(this.#socket, POLLIN), 1, timeout, 0, 0);
    if (ready === -errno.EINTR) return;
    if (check(ready, "ppoll") === 0)
      throw new SystemdUnreachable({ why: `no answer in ${PATIENCE_MS / 1000} seconds` });
    const chunk = new Uint8Array(CHUNK_BYTES);
    const length = syscall("read", this.#socket, chunk, chunk.length);
    if (length === -errno.EINTR) return;
    if (length <= 0) throw new SystemdUnreachable({ why: "the connection was closed" });
    const both = new Uint8Array(this.#received.length + length);
    both.set(this.#received);
    both.set(chunk.subarray(0, length), this.#received.length);
    this.#received = both;
  }
}
