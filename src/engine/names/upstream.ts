/**
 * Passes a query on to the resolvers of this machine, or those that the container was given. Each query has a socket of its own, so that
 * whoever wants to answer in a resolver's place has to guess its port, too; an answer counts only from where it was asked, with the
 * ID that we made and the question that we sent. Source: RFC 5452.
 */
import { readFileSync } from "node:fs";
import { isInUserNamespace } from "../../sys/index.ts";
import { UPLINK_RESOLVER } from "../network/place.ts";
import type { Query } from "./message.ts";

/** As many as docker asks. */
const MAX_RESOLVERS = 3;
const PATIENCE_MS = 3000;
const PORT = 53;
const HEADER_BYTES = 12;

/** The resolvers of this machine, those on its loopback address too. Source: resolv.conf(5). */
export function hostResolvers(): string[] {
  let text: string;
  try {
    text = readFileSync("/etc/resolv.conf", "utf8");
  } catch {
    return []; // no file is no resolver
  }
  const all = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = ""]) => address);
  // In a plain user's network the loopback address is another machine's.
  const reached = (address: string) => (isLoopback(address) ? UPLINK_RESOLVER : address);
  return isInUserNamespace() ? [...new Set(all.map(reached))] : all;
}

/**
 * Asks one after the other.
 * @param within  Makes sockets in the network namespace of whoever asks: a resolver is asked from there, unless it is on this machine's own loopback
 * address. Absent: in this process's own.
 * @returns what the first that answers says, with the ID of `query`; undefined: nobody did
 */
export async function askUpstream(
  message: Uint8Array,
  query: Query,
  transport: "udp" | "tcp",
  resolvers: readonly string[],
  within: Within = here,
): Promise<Uint8Array | undefined> {
  for (const resolver of resolvers.slice(0, MAX_RESOLVERS)) {
    const [id = 0] = crypto.getRandomValues(new Uint16Array(1));
    const sent = withID(message, id);
    const ask = transport === "udp" ? askByUDP : askByTCP;
    const from = isLoopback(resolver) ? here : within;
    const answer = await ask(sent, resolver, (received) => isAnswer(received, id, query), from);
    if (answer !== undefined) return withID(answer, query.id);
  }
  return undefined;
}

type Within = <T>(work: () => T) => T;
const here: Within = (work) => work();

function isLoopback(address: string): boolean {
  return /^(127\.|::1$)/.test(address);
}

function withID(message: Uint8Array, id: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(message);
  copy[0] = id >> 8;
  copy[1] = id & 0xff;
  return copy;
}

function isAnswer(received: Uint8Array, id: number, { question }: Query): boolean {
  const [high = 0, low = 0, flags = 0] = received;
  if ((high << 8) + low !== id || (flags & 0x80) === 0) return false;
  const repeated = received.subarray(HEADER_BYTES, HEADER_BYTES + question.length);
  // Resolvers repeat the letters as they are asked, or in lower case.
  const lower = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1").toLowerCase();
  return lower(repeated) === lower(question);
}

type Ask = (
  message: Uint8Array<ArrayBuffer>,
  resolver: string,
  isRight: (received: Uint8Array) => boolean,
  from: Within,
) => Promise<Uint8Array | undefined>;

const askByUDP: Ask = async (message, resolver, isRight, from) => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const timer = setTimeout(resolve, PATIENCE_MS, undefined);
  let socket: { close(): void } | undefined;
  try {
    const opened = await from(() =>
      Bun.udpSocket({
        connect: { hostname: resolver, port: PORT },
        socket: {
          data: (_, received) => {
            if (isRight(received)) resolve(Uint8Array.from(received));
          },
          error: () => resolve(undefined),
        },
      }),
    );
    socket = opened;
    opened.send(message);
    return await promise;
  } catch {
    return undefined; // no way there: the next one is asked
  } finally {
    clearTimeout(timer);
    socket?.close();
  }
};

const askByTCP: Ask = async (message, resolver, isRight, from) => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const timer = setTimeout(resolve, PATIENCE_MS, undefined);
  const frames = new FrameReader((received) => resolve(isRight(received) ? received : undefined));
  try {
    using _socket = await from(() =>
      Bun.connect({
        hostname: resolver,
        port: PORT,
        socket: {
          open: (socket) => void socket.write(encodeFrame(message)),
          data: (_, bytes) => frames.write(bytes),
          close: () => resolve(undefined),
          error: () => resolve(undefined),
        },
      }),
    );
    return await promise;
  } catch {
    return undefined; // as above
  } finally {
    clearTimeout(timer);
  }
};

/** A message as TCP carries it: after its length in two bytes. Source: RFC 1035, 4.2.2. */
export function encodeFrame(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Takes such messages out of a stream. */
export class FrameReader {
  readonly #take: (message: Uint8Array) => void;
  #rest = Buffer.alloc(0);

  constructor(take: (message: Uint8Array) => void) {
    this.#take = take;
  }

  write(bytes: Uint8Array): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE()) {
      const end = 2 + this.#rest.readUInt16BE();
      this.#take(Uint8Array.from(this.#rest.subarray(2, end)));
      this.#rest = this.#rest.subarray(end);
    }
  }
}
