/**
 * Speaks the first words of SCTP by raw sockets: the test's kernel has none of its own, and its packet filter knows the protocol all the same. A
 * program, run in a network namespace:
 *
 * `bun sctp.ts serve ADDRESS` hears at every port of that namespace, says `up`, then a line `FROM PORT TO PORT` for each INIT, and answers it.
 * `bun sctp.ts ask ADDRESS PORT [OWN PORT]` sends an INIT, again where none answers, and says `FROM PORT` of the answer.
 * `bun sctp.ts try ADDRESS PORT [OWN PORT]` sends one, and does not wait long.
 * What comes with a wrong checksum, or with a tag that is not that of the INIT, is not heard. Source: RFC 9260, sections 3.1, 3.3.2, 3.3.3, 6.8.
 */
import { check, errno, syscall } from "../../../src/sys/index.ts";

const AF = { ip: 2, ip6: 10 } as const;
const SOCK_RAW = 3;
const IPPROTO_SCTP = 132;
const [SOL_SOCKET, SO_RCVTIMEO] = [1, 20];
const COMMON_BYTES = 12;
const INIT = 1;
const INIT_ACK = 2;
/** A parameter, the state cookie: an answer to an INIT has one. */
const COOKIE = [0, 7, 0, 8, 1, 2, 3, 4];
const PATIENCE_MS = 300;
const TIMES = 30;

/** One packet with one chunk. */
interface Packet {
  readonly from: number;
  readonly to: number;
  readonly tag: number;
  readonly chunk: typeof INIT | typeof INIT_ACK;
  /** By which the other side is to answer. */
  readonly initiateTag: number;
}

/** Castagnoli's, bit by bit. */
function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function encode({ from, to, tag, chunk, initiateTag }: Packet): Buffer<ArrayBuffer> {
  const body = [...new Array<number>(16).fill(0), ...(chunk === INIT_ACK ? COOKIE : [])];
  const bytes = Buffer.from(new ArrayBuffer(COMMON_BYTES + 4 + body.length));
  bytes.writeUInt16BE(from, 0);
  bytes.writeUInt16BE(to, 2);
  bytes.writeUInt32BE(tag, 4);
  bytes.set([chunk, 0, 0, 4 + body.length, ...body], COMMON_BYTES);
  bytes.writeUInt32BE(initiateTag, 16);
  bytes.writeUInt32BE(65_536, 20); // it takes so many bytes at once
  bytes.writeUInt16BE(1, 24); // by so many streams, out and in
  bytes.writeUInt16BE(1, 26);
  bytes.writeUInt32LE(crc32c(bytes), 8);
  return bytes;
}

/** undefined: it is damaged. */
function decode(bytes: Uint8Array): Packet | undefined {
  const copy = Buffer.from(bytes);
  const checksum = copy.readUInt32LE(8);
  copy.writeUInt32LE(0, 8);
  if (crc32c(copy) !== checksum) return undefined;
  return {
    ...{ from: copy.readUInt16BE(0), to: copy.readUInt16BE(2), tag: copy.readUInt32BE(4) },
    chunk: copy[COMMON_BYTES] as Packet["chunk"],
    initiateTag: copy.readUInt32BE(16),
  };
}

class RawSocket {
  readonly #descriptor: number;
  readonly #isIPv6: boolean;

  constructor(isIPv6: boolean, patienceMs: number) {
    this.#isIPv6 = isIPv6;
    this.#descriptor = check(syscall("socket", isIPv6 ? AF.ip6 : AF.ip, SOCK_RAW, IPPROTO_SCTP), "socket");
    const time = BigInt64Array.of(0n, BigInt(patienceMs * 1000));
    check(
      syscall("setsockopt", this.#descriptor, SOL_SOCKET, SO_RCVTIMEO, time, time.byteLength),
      "setsockopt",
    );
  }

  /** @param name  A `sockaddr_in` or `sockaddr_in6`, without a port */
  send(packet: Packet, name: Uint8Array): void {
    const bytes = encode(packet);
    check(syscall("sendto", this.#descriptor, bytes, bytes.length, 0, name, name.length), "sendto");
  }

  /** The next packet that is whole, and whose it is; undefined: none came within the socket's patience. */
  receive(): { readonly packet: Packet; readonly name: Buffer<ArrayBuffer> } | undefined {
    for (;;) {
      const bytes = Buffer.from(new ArrayBuffer(2048));
      const name = Buffer.from(new ArrayBuffer(this.#isIPv6 ? 28 : 16));
      const length = Uint32Array.of(name.length);
      const count = syscall("recvfrom", this.#descriptor, bytes, bytes.length, 0, name, length);
      if (count === -errno.EAGAIN) return undefined;
      check(count, "recvfrom");
      // Of IPv4 it is the whole packet.
      const start = this.#isIPv6 ? 0 : ((bytes[0] ?? 0) & 15) * 4;
      const packet = decode(bytes.subarray(start, count));
      if (packet !== undefined) return { packet, name };
    }
  }
}

function sockaddr(address: string): Buffer<ArrayBuffer> {
  const isIPv6 = address.includes(":");
  const name = Buffer.from(new ArrayBuffer(isIPv6 ? 28 : 16));
  name.writeUInt16LE(isIPv6 ? AF.ip6 : AF.ip, 0);
  if (!isIPv6) name.set(address.split(".").map(Number), 4);
  else {
    const [before = "", after = ""] = address.split("::");
    const groups = (text: string) => text.split(":").filter((group) => group !== "");
    for (const [index, group] of groups(before).entries())
      name.writeUInt16BE(Number.parseInt(group, 16), 8 + index * 2);
    for (const [index, group] of groups(after).toReversed().entries())
      name.writeUInt16BE(Number.parseInt(group, 16), 22 - index * 2);
  }
  return name;
}

/** As `sockaddr` reads it, each group of IPv6 written. */
function textOf(name: Buffer): string {
  if (name.length === 16) return name.subarray(4, 8).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => name.readUInt16BE(8 + index * 2).toString(16));
  return groups.join(":");
}

function serve(address: string): never {
  const socket = new RawSocket(address.includes(":"), 0);
  console.log("up");
  for (;;) {
    const { packet, name } = socket.receive() ?? { packet: undefined, name: Buffer.alloc(0) };
    if (packet?.chunk !== INIT) continue;
    console.log(`${textOf(name)} ${packet.from} ${packet.to}`);
    const { from: to, to: from, initiateTag: tag } = packet;
    socket.send({ from, to, tag, chunk: INIT_ACK, initiateTag: 7 }, name);
  }
}

function ask(address: string, to: number, from: number, times: number): void {
  const name = sockaddr(address);
  const socket = new RawSocket(address.includes(":"), PATIENCE_MS);
  const initiateTag = 1 + Math.floor(Math.random() * 2 ** 31);
  for (let time = 0; time < times; time++) {
    socket.send({ from, to, tag: 0, chunk: INIT, initiateTag }, name);
    for (let heard = socket.receive(); heard !== undefined; heard = socket.receive()) {
      const { packet } = heard;
      if (packet.chunk !== INIT_ACK || packet.to !== from || packet.tag !== initiateTag) continue;
      console.log(`${textOf(heard.name)} ${packet.from}`);
      return;
    }
  }
}

const [verb, address = "", port = "", own = `${20_000 + (process.pid % 10_000)}`] = process.argv.slice(2);
if (verb === "serve") serve(address);
else ask(address, Number(port), Number(own), verb === "try" ? 1 : TIMES);
