/** The parent's end of the socket to init: what init asks, what it is answered, how it ends. The format is init.c's. */
import { putWord, receiveMessage, sendMessage, wordAt } from "../../sys/index.ts";
import { HOOK_MESSAGE_BYTES, HOOK_OUTPUT_BYTES, MESSAGE_HOOK } from "../compile/hooks.ts";
import { MESSAGE_LISTENER } from "../compile/seccomp.ts";

const MESSAGE_SYNC = 1;
const MESSAGE_FAIL = 2;
/** The stage that cloned PID 1 tells its pid and leaves; nobody waits for an answer. */
export const MESSAGE_PID = 3;
export const MESSAGE_BYTES = 48;
/** The longest message. */
export const MAX_MESSAGE_BYTES: number = HOOK_MESSAGE_BYTES;
const ANSWER_HEADER_BYTES = 48;
const ANSWER_SEGMENT = 1;
const ANSWER_LAST = 2;

/** A failed record of init: which one of which segment, and the errno. */
export interface Failure {
  readonly kind: "fail";
  readonly segment: number;
  readonly record: number;
  readonly errno: number;
}

/** A hook that init ran failed: which one, how it ended, and what it printed. */
export interface HookSaid {
  readonly kind: "hook";
  readonly code: number;
  /** HOOK_TIMED_OUT, HOOK_NOT_RUN, or by itself. */
  readonly ended: number;
  /** The status that wait4 gave, or -errno of execve. */
  readonly number: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What init says. `end`: it closed the socket, by exec, by moving on to the gate, or by dying. */
export type Said =
  | {
      readonly kind: "sync";
      readonly segment: number;
      readonly record: number;
      readonly code: number;
      readonly values: readonly number[];
      readonly descriptors: readonly number[];
    }
  | { readonly kind: "pid"; readonly pid: number }
  /** The filter is loaded; `descriptor` of init is its listener. init reads an answer, whatever it says. */
  | { readonly kind: "listener"; readonly descriptor: number }
  | Failure
  | HookSaid
  | { readonly kind: "end" };

/** Waits for init's next message, from whichever of its stages. The caller owns received descriptors. */
export function listen(socket: number): Said & { readonly sender?: number } {
  const bytes = new Uint8Array(new ArrayBuffer(MAX_MESSAGE_BYTES));
  const { length, descriptors, sender } = receiveMessage(socket, bytes);
  if (length === 0) return { kind: "end" };
  return { ...decodeMessage(bytes, descriptors), ...(sender !== undefined && { sender }) };
}

/** Decodes one message, from the socket or from the fifo that `start` reads. */
export function decodeMessage(bytes: Uint8Array, descriptors: readonly number[] = []): Said {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = view.getUint32(0, true);
  const values = [16, 24, 32, 40].map((at) => wordAt(view, at));
  if (kind === MESSAGE_LISTENER) return { kind: "listener", descriptor: values[0] ?? -1 };
  if (kind === MESSAGE_PID) return { kind: "pid", pid: values[0] ?? 0 };
  if (kind === MESSAGE_SYNC)
    return {
      kind: "sync",
      segment: view.getUint32(4, true),
      record: view.getUint32(8, true),
      code: view.getUint32(12, true),
      values,
      descriptors,
    };
  if (kind === MESSAGE_HOOK) return decodeHook(bytes, view.getUint32(12, true), values);
  if (kind !== MESSAGE_FAIL) throw new RangeError(`init sent a message of unknown kind ${kind}`);
  return {
    kind: "fail",
    segment: view.getUint32(4, true),
    record: view.getUint32(8, true),
    errno: values[0] ?? 0,
  };
}

function decodeHook(bytes: Uint8Array, code: number, values: readonly number[]): HookSaid {
  const [ended = 0, number = 0, ...lengths] = values;
  const [stdout = "", stderr = ""] = lengths.map((length, stream) => {
    const at = MESSAGE_BYTES + stream * HOOK_OUTPUT_BYTES;
    return new TextDecoder().decode(bytes.subarray(at, at + length));
  });
  return { kind: "hook", code, ended, number, stdout, stderr };
}

/** What a SYNC is answered with; everything is optional. */
export interface Answer {
  readonly values?: readonly number[];
  readonly descriptors?: readonly number[];
  /** Goes into the data slot of the SYNC record; at most 4096 bytes. */
  readonly bytes?: Uint8Array;
  /** A sealed plan that init runs before it goes on. */
  readonly segment?: number;
  /** It does not go on afterwards: the plan that asked can be forgotten. */
  readonly isLast?: boolean;
}

/** Answers a SYNC. Descriptors stay the caller's. Returns the result of sendmsg or -errno (EPIPE: init is dead). */
export function reply(
  socket: number,
  { values = [], descriptors = [], bytes, segment, isLast = false }: Answer = {},
): number {
  const message = new Uint8Array(new ArrayBuffer(ANSWER_HEADER_BYTES + (bytes?.length ?? 0)));
  const view = new DataView(message.buffer);
  const passed = segment === undefined ? descriptors : [segment, ...descriptors];
  view.setUint32(0, (segment === undefined ? 0 : ANSWER_SEGMENT) | (isLast ? ANSWER_LAST : 0), true);
  view.setUint32(4, passed.length, true);
  view.setUint32(8, bytes?.length ?? 0, true);
  values.forEach((value, index) => {
    putWord(view, 16 + 8 * index, value);
  });
  if (bytes !== undefined) message.set(bytes, ANSWER_HEADER_BYTES);
  return sendMessage(socket, message, passed);
}
