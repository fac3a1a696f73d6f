/**
 * Requests to the kernel over a netlink socket. The kernel does what a request asks while it is sent, so the answer is
 * there when sending returns: nothing here waits for the network.
 * Source: netlink(7); kernel userspace-api/netlink/intro.rst, extended acknowledgements.
 */
import { TeuError } from "../base/index.ts";
import { syscall } from "./binding.ts";
import { check, errno, errnoKind, errnoName, errnoSentence } from "./errno.ts";
import { decodeAttributes, decodeText } from "./netlink-attributes.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
/** An acknowledgement does not repeat the request, says what was wrong, and a dump is of what was asked for alone. */
const OPTIONS = { NETLINK_CAP_ACK: 10, NETLINK_EXT_ACK: 11, NETLINK_GET_STRICT_CHK: 12 };
const MSG_TRUNC = 0x20;
const HEADER_BYTES = 16;
const ALIGNMENT = 4;
/** The kernel fills no more than half of it at once. */
const BUFFER_BYTES = 65_536;

const NLMSG_NOOP = 1;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSGERR_ATTR_MSG = 1;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_ACK_TLVS = 0x200;

/** Flags of requests. */
export const NLM_F = {
  REQUEST: 1,
  ACK: 4,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
} as const;

/** The kernel refused a request. `says` is its own explanation, where it gives one. */
export class NetlinkRefused extends TeuError<
  "netlink-refused",
  { about: string; errno: string; says: string }
> {
  constructor(about: string, number: number, says: string) {
    const name = errnoName(number);
    const why = says === "" ? errnoSentence(number) : `${errnoSentence(number)}: ${says}`;
    super("netlink-refused", errnoKind(name), { about, errno: name, says }, `${about}: ${why}`);
  }
}

/** What is asked for. */
export interface NetlinkRequest {
  /** RTM_GETLINK and so on. */
  readonly type: number;
  /** Of NLM_F, beside REQUEST, and ACK where it is no dump. */
  readonly flags?: number;
  /** The structure of that type, and its attributes. */
  readonly body: Uint8Array;
  /** For an error: `Cannot move network device "eth0"`. */
  readonly about: string;
}

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** How often a dump is asked for again when something changed meanwhile. */
const DUMP_ATTEMPTS = 16;

/** A socket for the configuration of one network namespace. */
export class NetlinkSocket implements Disposable {
  readonly descriptor: number;
  readonly #buffer = Buffer.from(new ArrayBuffer(BUFFER_BYTES));
  #sequence = 0;
  #isOpen = true;

  /** @param descriptor  A socket of another namespace, closed when this is disposed of; absent: one of the caller's. */
  constructor(descriptor = openNetlink(NETLINK_ROUTE)) {
    this.descriptor = descriptor;
    const on = Int32Array.of(1);
    for (const [name, option] of Object.entries(OPTIONS))
      check(syscall("setsockopt", descriptor, SOL_NETLINK, option, on, 4), "setsockopt", name);
  }

  /** Asks, and returns the bodies of what comes back. @throws {NetlinkRefused} {SystemCallFailed} */
  request(request: NetlinkRequest): Buffer[] {
    const isDump = ((request.flags ?? 0) & NLM_F.DUMP) === NLM_F.DUMP;
    for (let attempt = 1; ; attempt++) {
      const { bodies, isInterrupted } = this.#ask(request, isDump);
      if (!isInterrupted) return bodies;
      if (attempt === DUMP_ATTEMPTS)
        throw new NetlinkRefused(request.about, errno.EAGAIN, "it changes all the time");
    }
  }

  #ask(
    { type, flags = 0, body, about }: NetlinkRequest,
    isDump: boolean,
  ): { bodies: Buffer[]; isInterrupted: boolean } {
    const sequence = ++this.#sequence;
    const message = Buffer.from(new ArrayBuffer(HEADER_BYTES + body.length));
    message.writeUInt32LE(message.length, 0);
    message.writeUInt16LE(type, 4);
    message.writeUInt16LE(flags | NLM_F.REQUEST | (isDump ? 0 : NLM_F.ACK), 6);
    message.writeUInt32LE(sequence, 8);
    message.set(body, HEADER_BYTES);
    check(syscall("sendto", this.descriptor, message, message.length, 0, 0, 0), "sendto", about);

    const bodies: Buffer[] = [];
    let isInterrupted = false;
    for (;;)
      for (const answer of this.#receive(about)) {
        if (answer.sequence !== sequence || answer.type === NLMSG_NOOP) continue;
        isInterrupted ||= (answer.flags & NLM_F_DUMP_INTR) !== 0;
        if (answer.type === NLMSG_ERROR || answer.type === NLMSG_DONE) {
          refuseFailed(answer, about);
          return { bodies, isInterrupted };
        }
        bodies.push(answer.body);
      }
  }

  /** The messages of one datagram, in memory of their own. */
  #receive(about: string): Message[] {
    let length: number;
    do length = syscall("recvfrom", this.descriptor, this.#buffer, BUFFER_BYTES, MSG_TRUNC, 0, 0);
    while (length === -errno.EINTR);
    check(length, "recvfrom", about);
    if (length > BUFFER_BYTES) check(-errno.EMSGSIZE, "recvfrom", about);
    return decodeMessages(Buffer.from(this.#buffer.subarray(0, length)));
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) syscall("close", this.descriptor);
    this.#isOpen = false;
  }
}

/** A socket for one part of the kernel, as NETLINK_ROUTE; for {@link NetlinkSocket}, which closes it. */
export function openNetlink(part: number): number {
  return check(syscall("socket", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, part), "socket");
}

function decodeMessages(datagram: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + HEADER_BYTES <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > datagram.length)
      throw new RangeError(`A netlink message of ${length} bytes at ${at} of ${datagram.length}`);
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      body: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
  }
  return messages;
}

/** An acknowledgement is -errno, then (CAP_ACK) the header of the request alone, then attributes; the end of a dump has no header. */
function refuseFailed({ type, flags, body }: Message, about: string): void {
  const error = body.length < 4 ? 0 : body.readInt32LE(0);
  if (error === 0) return;
  const at = type === NLMSG_ERROR ? 4 + HEADER_BYTES : 4;
  const attributes = (flags & NLM_F_ACK_TLVS) === 0 ? undefined : decodeAttributes(body.subarray(at));
  throw new NetlinkRefused(about, -error, decodeText(attributes?.get(NLMSGERR_ATTR_MSG)));
}
