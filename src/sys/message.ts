/** Messages with descriptors over unix sockets. Source: sendmsg(2), recvmsg(2), cmsg(3), unix(7). */
import { addressOf, cString, syscall } from "./binding.ts";
import { check, errno } from "./errno.ts";
import { putWord, wordAt } from "./words.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_PASSCRED = 16;
const SCM_RIGHTS = 1;
const SCM_CREDENTIALS = 2;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const CONTROL_HEADER_BYTES = 16;
const MESSAGE_HEADER_BYTES = 56;
const CONTROL_AT = MESSAGE_HEADER_BYTES + 16;
const MAX_DESCRIPTORS = 16;
/** Room for the sender's credentials, in descriptors of 4 bytes: a header, and pid, uid, gid in 16. */
const CREDENTIALS_ROOM = 8;
const BACKLOG = 8;
const POLLIN = 1;

/** A connected pair of sequenced-packet sockets, close-on-exec. The caller closes both. @throws {SystemCallFailed} */
export function socketPair(): [number, number] {
  const pair = new Int32Array(2);
  check(syscall("socketpair", AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "socketpair");
  return [pair[0] ?? -1, pair[1] ?? -1];
}

/** From now on messages that arrive at `socket` tell who sent them. @throws {SystemCallFailed} */
export function tellSenders(socket: number): void {
  const on = Int32Array.of(1);
  check(syscall("setsockopt", socket, SOL_SOCKET, SO_PASSCRED, on, on.byteLength), "setsockopt");
}

/** Connects to the stream socket at `path`. The caller closes it. @throws {SystemCallFailed} */
export function connectUnix(path: string): number {
  const address = unixAddress(path, "connect");
  const socket = check(syscall("socket", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  const result = syscall("connect", socket, address, address.length);
  if (result < 0) {
    syscall("close", socket);
    check(result, "connect", path);
  }
  return socket;
}

/** Makes a stream socket at `path` on which others can connect. The caller closes it. @throws {SystemCallFailed} */
export function listenUnix(path: string): number {
  const address = unixAddress(path, "bind");
  const flags = SOCK_STREAM | SOCK_CLOEXEC;
  const socket = check(syscall("socket", AF_UNIX, flags, 0), "socket");
  let result = syscall("bind", socket, address, address.length);
  if (result >= 0) result = syscall("listen", socket, BACKLOG);
  if (result < 0) {
    syscall("close", socket);
    check(result, "bind", path);
  }
  return socket;
}

/** A datagram socket at `path`, or one that is connected to `path`; `@` begins an abstract name. The caller closes it. */
export function datagramUnix(how: "bind" | "connect", path: string): number {
  const address = unixAddress(path, how);
  if (path.startsWith("@")) address[2] = 0;
  // An abstract name is as long as it is said to be: without the NUL of a path.
  const length = path.startsWith("@") ? address.length - 1 : address.length;
  const socket = check(syscall("socket", AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  const result = syscall(how, socket, address, length);
  if (result < 0) {
    syscall("close", socket);
    check(result, how, path);
  }
  return socket;
}

/** A datagram socket of no name, to be given paths. The caller closes it. */
export function datagramSocket(): number {
  return check(syscall("socket", AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
}

/** A UDP socket that is connected to an address, IPv4 or IPv6 as text. The caller closes it. @throws {SystemCallFailed} */
export function connectDatagram(host: string, port: number): number {
  const isIPv6 = host.includes(":");
  const family = isIPv6 ? AF_INET6 : AF_INET;
  const address = new DataView(new ArrayBuffer(isIPv6 ? 28 : 16));
  address.setUint16(0, family, true);
  address.setUint16(2, port);
  const bytes = new Uint8Array(address.buffer);
  bytes.set(isIPv6 ? ipv6Bytes(host) : host.split(".").map(Number), isIPv6 ? 8 : 4);
  const socket = check(syscall("socket", family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  const result = syscall("connect", socket, bytes, bytes.length);
  if (result < 0) {
    syscall("close", socket);
    check(result, "connect", host);
  }
  return socket;
}

/** `fd00::1` as 16 bytes; the text is valid. */
function ipv6Bytes(text: string): number[] {
  const [front = "", back] = text.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(front), groups(back ?? "")];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => 0);
  return [...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 0xff]);
}

/** Takes a connection that is waiting at `listener`; undefined when there is none. The caller closes it. */
export function acceptWaiting(listener: number): number | undefined {
  const readable = new Uint32Array(new Uint16Array([0, 0, POLLIN, 0]).buffer);
  readable[0] = listener;
  const now = new BigInt64Array(2);
  if (check(syscall("ppoll", readable, 1, now, 0, 0), "ppoll") === 0) return undefined;
  return check(syscall("accept4", listener, 0, 0, SOCK_CLOEXEC), "accept4");
}

function unixAddress(path: string, call: string): Uint8Array {
  const name = cString(path);
  const address = new Uint8Array(2 + name.length);
  address[0] = AF_UNIX;
  address.set(name, 2);
  if (address.length > 110) check(-errno.ENAMETOOLONG, call, path);
  return address;
}

/** The msghdr, its iovec and its control message in one allocation, whose address does not move. */
function frame(payload: Uint8Array, descriptors: number): DataView<ArrayBuffer> {
  const controlBytes = descriptors === 0 ? 0 : CONTROL_HEADER_BYTES + Math.ceil(descriptors / 2) * 8;
  const view = new DataView(new ArrayBuffer(CONTROL_AT + controlBytes));
  const base = addressOf(new Uint8Array(view.buffer)) as number;
  putWord(view, 16, base + MESSAGE_HEADER_BYTES);
  putWord(view, 24, 1);
  if (controlBytes > 0) putWord(view, 32, base + CONTROL_AT);
  putWord(view, 40, controlBytes);
  putWord(view, MESSAGE_HEADER_BYTES, addressOf(payload) as number);
  putWord(view, MESSAGE_HEADER_BYTES + 8, payload.byteLength);
  return view;
}

/** Sends `payload` in one message, with descriptors. Returns the result of sendmsg or -errno. */
export function sendMessage(
  socket: number,
  payload: Uint8Array<ArrayBuffer>,
  descriptors: readonly number[] = [],
): number {
  const view = frame(payload, descriptors.length);
  if (descriptors.length > 0) {
    putWord(view, 40, CONTROL_HEADER_BYTES + Math.ceil(descriptors.length / 2) * 8);
    putWord(view, CONTROL_AT, CONTROL_HEADER_BYTES + 4 * descriptors.length);
    view.setInt32(CONTROL_AT + 8, SOL_SOCKET, true);
    view.setInt32(CONTROL_AT + 12, SCM_RIGHTS, true);
    descriptors.forEach((descriptor, index) => {
      view.setInt32(CONTROL_AT + CONTROL_HEADER_BYTES + 4 * index, descriptor, true);
    });
  }
  for (;;) {
    const result = syscall("sendmsg", socket, view, MSG_NOSIGNAL);
    if (result !== -errno.EINTR) {
      // Naming the payload here keeps its bytes alive until the call has returned.
      return payload.length >= 0 ? result : 0;
    }
  }
}

/** One received message; the caller owns the descriptors. Length 0 is the end of the stream. */
export interface Received {
  readonly length: number;
  readonly descriptors: readonly number[];
  /** The pid of who sent it, as this process sees it, where `tellSenders` was called. */
  readonly sender?: number;
}

/** Waits for one message and puts it into `payload`. @throws {SystemCallFailed} */
export function receiveMessage(socket: number, payload: Uint8Array<ArrayBuffer>): Received {
  const view = frame(payload, MAX_DESCRIPTORS + CREDENTIALS_ROOM);
  let length: number;
  do length = syscall("recvmsg", socket, view, MSG_CMSG_CLOEXEC);
  while (length === -errno.EINTR);
  check(length, "recvmsg");
  const descriptors: number[] = [];
  let sender: number | undefined;
  const end = CONTROL_AT + wordAt(view, 40);
  for (let at = CONTROL_AT; at + CONTROL_HEADER_BYTES <= end; ) {
    const bytes = wordAt(view, at);
    const type = view.getInt32(at + 12, true);
    const data = at + CONTROL_HEADER_BYTES;
    if (type === SCM_CREDENTIALS) sender = view.getInt32(data, true);
    else if (type === SCM_RIGHTS)
      for (let one = data; one + 4 <= at + bytes; one += 4) descriptors.push(view.getInt32(one, true));
    at += Math.ceil(Math.max(bytes, CONTROL_HEADER_BYTES) / 8) * 8;
  }
  return { length: payload.length >= 0 ? length : 0, descriptors, ...(sender !== undefined && { sender }) };
}
