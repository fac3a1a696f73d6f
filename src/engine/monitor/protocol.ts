/**
 * What is said to a monitor and what it says, as bytes. The other side is native/monitor.c; both protocols have one version, and a
 * newer teu goes on speaking to the monitors that it finds. Little endian throughout.
 *
 * Control socket: a message each, for the teu that starts the container, and for one that has a program started in it. Attach socket: a stream of frames, for everybody else.
 */

export const VERSION = 1;

const REQUEST = { configure: 1, spawn: 2, terminal: 3, container: 4, tell: 5 } as const;
const REPLY = { done: 1, spawned: 2, ended: 3 } as const;
/** Bits of `given`; descriptors come in their order. */
const GIVEN = { directory: 1, listener: 2, stdin: 4, stdout: 8, stderr: 16, sink: 32 } as const;
const FORMAT = { none: 0, cri: 1, json: 2, sink: 3, both: 4 } as const;

/** How the log is written: not at all, as Kubernetes has it, as docker's json-file, line by line as datagrams, or so and as Kubernetes has it. */
export type LogFormat = keyof typeof FORMAT;

/** What the monitor keeps, by what it is for. Every descriptor stays the caller's too. */
export interface Kept {
  /** Directory of the log and of the exit record. */
  readonly directory: number;
  /** Listening socket for those who attach. */
  readonly listener?: number;
  /** Our ends of the container's pipes. */
  readonly stdin?: number;
  readonly stdout?: number;
  readonly stderr?: number;
  /** Socket that takes a datagram for each line. */
  readonly sink?: number;
}

/** What goes into a datagram beside its line. No text holds a NUL. */
export interface SinkTexts {
  /** Path of the socket that takes it; empty: ours is connected. */
  readonly path: string;
  readonly beforeOutput: string;
  readonly beforeErrors: string;
  readonly after: string;
  /** After a part of a line that goes on, or that its program left unfinished. */
  readonly afterPart: string;
}

/** The program that is started when all is over. */
export interface Handler {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
}

export interface Configuration {
  readonly log: { readonly format: LogFormat; readonly maxBytes: number; readonly files: number };
  /** With the formats `sink` and `both`. */
  readonly sink?: SinkTexts | undefined;
  /** With the format `json`: what each line holds beside docker's members, as `"name":value,`; at most 8 KiB. */
  readonly members?: string | undefined;
  /** Standard input ends when the last client that writes to it has left. */
  readonly stdinOnce: boolean;
  /** Whether what it writes may be lost with the machine's power: nobody wants to know of the container then. */
  readonly isPassing: boolean;
  readonly handler: Handler | undefined;
}

/** One message: its bytes and the descriptors that go with it. */
export interface Message {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly descriptors: readonly number[];
}

/** @param joins  Files by which the monitor enters cgroups of its own. */
export function encodeConfigure(
  kept: Kept,
  { log, sink, members, stdinOnce, isPassing, handler }: Configuration,
  joins: readonly number[],
): Message {
  let given = 0;
  const descriptors: number[] = [];
  for (const [name, bit] of Object.entries(GIVEN)) {
    const descriptor = kept[name as keyof Kept];
    if (descriptor === undefined) continue;
    given |= bit;
    descriptors.push(descriptor);
  }
  const sinkTexts = sink && [sink.path, sink.beforeOutput, sink.beforeErrors, sink.after, sink.afterPart];
  const logTexts = sinkTexts ?? (members === undefined ? [] : [members]);
  const texts = handler === undefined ? [] : [handler.path, ...handler.argv, ...handler.env];
  const bytes = withTexts(48, [...logTexts, ...texts]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, REQUEST.configure, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, given, true);
  view.setUint32(12, FORMAT[log.format], true);
  view.setBigUint64(16, BigInt(log.maxBytes), true);
  view.setUint32(24, Math.max(1, log.files), true);
  view.setUint32(28, stdinOnce ? 1 : 0, true);
  view.setUint32(32, handler?.argv.length ?? 0, true);
  view.setUint32(36, handler?.env.length ?? 0, true);
  view.setUint32(40, logTexts.length, true);
  view.setUint32(44, isPassing ? 1 : 0, true);
  return { bytes, descriptors: [...descriptors, ...joins] };
}

/** @param spawn  As for `spawn` of src/sys, but that every descriptor is there. */
export function encodeSpawn(spawn: {
  readonly executable: number;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly descriptors: readonly number[];
  readonly cloneFlags?: number;
  readonly cgroup?: number;
}): Message {
  const { executable, argv, env, descriptors, cloneFlags = 0, cgroup } = spawn;
  const bytes = withTexts(24, [...argv, ...env]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, REQUEST.spawn, true);
  view.setUint32(4, argv.length, true);
  view.setUint32(8, env.length, true);
  view.setUint32(12, cgroup === undefined ? 0 : 1, true);
  view.setBigUint64(16, BigInt(cloneFlags), true);
  return { bytes, descriptors: [executable, ...(cgroup === undefined ? [] : [cgroup]), ...descriptors] };
}

export function encodeTerminal(master: number): Message {
  return { bytes: words(REQUEST.terminal), descriptors: [master] };
}

/** @param oomEvents  The file of its cgroup that counts kills for want of memory. */
export function encodeContainer(pid: number, oomEvents: number | undefined): Message {
  return {
    bytes: words(REQUEST.container, pid),
    descriptors: oomEvents === undefined ? [] : [oomEvents],
  };
}

/** @param line  What is written before the exit status; with `file`, at most 65,000 bytes. Neither holds a NUL. */
export function encodeTell(pid: number, file: string, line: string): Message {
  const bytes = withTexts(8, [file, line]);
  bytes.set(words(REQUEST.tell, pid));
  return { bytes, descriptors: [] };
}

/** What the monitor answers, or tells of a process that has ended. */
export type Reply =
  | { readonly kind: "done"; readonly error: number }
  | { readonly kind: "spawned"; readonly pid: number; readonly error: number }
  | { readonly kind: "ended"; readonly pid: number; readonly waitStatus: number };

export const REPLY_BYTES = 24;

export function decodeReply(bytes: Uint8Array): Reply {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = view.getUint32(0, true);
  const [value, error] = [Number(view.getBigInt64(8, true)), Number(view.getBigInt64(16, true))];
  switch (kind) {
    case REPLY.done:
      return { kind: "done", error };
    case REPLY.spawned:
      return { kind: "spawned", pid: value, error };
    case REPLY.ended:
      return { kind: "ended", pid: value, waitStatus: error };
    default:
      throw new RangeError(`a monitor sent a message of unknown kind ${kind}`);
  }
}

const FRAME = { subscribe: 1, input: 2, inputEnd: 3, resize: 4, reopen: 5, command: 6 } as const;
const FRAME_OUT = { hello: 1, output: 2, lost: 3, exit: 4, done: 5 } as const;
const WANT = { stdin: 1, stdout: 2, stderr: 4, allBytes: 8, settles: 16, removes: 32 } as const;
const FRAME_HEADER_BYTES = 8;
/** No frame of a monitor is longer: its buffer for what a container wrote, with room to spare. */
const MAX_FRAME_BYTES = 1 << 20;

/** What a client hears first: that this is a monitor, and that it is subscribed. */
export const SUBSCRIBED_BYTES = 32;

/** What a client is sent, and whether it writes. */
export type Wants = Readonly<Record<Exclude<keyof typeof WANT, "settles" | "removes">, boolean>> & {
  /** Whether the client does what follows the container's end: no teu is started for it, as long as the client is there. */
  readonly settles?: boolean;
  /** Whether the client has it end to remove it: what is written of its end may be lost with the machine's power. An older monitor waits all the same. */
  readonly removes?: boolean;
};

export function encodeSubscribe(wants: Wants): Uint8Array<ArrayBuffer> {
  const names = Object.keys(WANT) as (keyof typeof WANT)[];
  const bits = names.reduce((sum, name) => sum | (wants[name] ? WANT[name] : 0), 0);
  return frame(FRAME.subscribe, Uint8Array.of(bits, 0, 0, 0, 0, 0, 0, 0));
}

export function encodeInput(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return frame(FRAME.input, bytes);
}

export function encodeInputEnd(): Uint8Array<ArrayBuffer> {
  return frame(FRAME.inputEnd, new Uint8Array());
}

/** The payload is the kernel's struct winsize. */
export function encodeResize(size: {
  readonly rows: number;
  readonly columns: number;
}): Uint8Array<ArrayBuffer> {
  return frame(FRAME.resize, new Uint8Array(Uint16Array.of(size.rows, size.columns, 0, 0).buffer));
}

export function encodeReopen(): Uint8Array<ArrayBuffer> {
  return frame(FRAME.reopen, new Uint8Array());
}

/** `socket` takes the place of the connection that it is sent over: as a control socket. */
export function encodeCommand(socket: number): Message {
  return { bytes: frame(FRAME.command, new Uint8Array()), descriptors: [socket] };
}

/** One frame of a monitor. */
export type Frame =
  | { readonly kind: "hello"; readonly version: number }
  | { readonly kind: "output"; readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }
  /** The client was too slow for so many bytes; they are in the log. */
  | { readonly kind: "lost"; readonly bytes: number }
  | { readonly kind: "exit"; readonly waitStatus: number }
  | { readonly kind: "done"; readonly error: number };

/** A monitor sent what is no frame. */
function unknownFrame(kind: number, length: number): RangeError {
  return new RangeError(`a monitor sent a frame of unknown kind ${kind} and ${length} bytes`);
}

/** Puts frames together from what a socket delivers, however it is cut. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();

  /** The frames that `bytes` complete. @throws {RangeError} That is no monitor. */
  read(bytes: Uint8Array): Frame[] {
    let rest: Uint8Array = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: Frame[] = [];
    while (rest.length >= FRAME_HEADER_BYTES) {
      const view = new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
      const length = view.getUint32(4, true);
      if (length > MAX_FRAME_BYTES) throw unknownFrame(view.getUint8(0), length);
      const end = FRAME_HEADER_BYTES + length;
      if (rest.length < end) break;
      frames.push(decodeFrame(view.getUint8(0), view.getUint8(1), rest.subarray(FRAME_HEADER_BYTES, end)));
      rest = rest.subarray(end);
    }
    this.#rest = rest.slice();
    return frames;
  }
}

function decodeFrame(kind: number, stream: number, payload: Uint8Array): Frame {
  if (kind === FRAME_OUT.output)
    return { kind: "output", stream: stream === 2 ? "stderr" : "stdout", bytes: payload };
  if (payload.length !== 8) throw unknownFrame(kind, payload.length);
  const value = Number(new DataView(payload.buffer, payload.byteOffset, 8).getBigInt64(0, true));
  switch (kind) {
    case FRAME_OUT.hello:
      return { kind: "hello", version: value };
    case FRAME_OUT.lost:
      return { kind: "lost", bytes: value };
    case FRAME_OUT.exit:
      return { kind: "exit", waitStatus: value };
    case FRAME_OUT.done:
      return { kind: "done", error: value };
    default:
      throw unknownFrame(kind, payload.length);
  }
}

function frame(kind: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(FRAME_HEADER_BYTES + payload.length));
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(4, payload.length, true);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

function words(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** Room for a fixed part, followed by texts with their NULs. */
function withTexts(fixed: number, texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const tail = Buffer.from(texts.map((text) => `${text}\0`).join(""), "utf8");
  const bytes = new Uint8Array(new ArrayBuffer(fixed + tail.length));
  bytes.set(tail, fixed);
  return bytes;
}
