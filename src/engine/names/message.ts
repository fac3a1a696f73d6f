/**
 * The part of the domain name protocol that a server of a few addresses needs: it reads the one question of a query and writes the answer;
 * what it does not know it passes on as it is. A query comes from a container and is hostile: every length is checked.
 * Source: RFC 1035, 4.1; RFC 6891 (what a query says beyond its question is left out of our answers); RFC 8482.
 */

/** Of RFC 1035, 4.1.1. */
export const rcode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;
/** Of RFC 1035, 3.2.2, and RFC 3596. */
export const recordType = { a: 1, ptr: 12, aaaa: 28 } as const;

/** A query with one question. */
export interface Query {
  readonly id: number;
  /** Lower case, labels joined by dots, without the last one. */
  readonly name: string;
  readonly type: number;
  /** The question as it came, which an answer repeats. */
  readonly question: Uint8Array;
  readonly wantsRecursion: boolean;
}

/** One record that answers: an address, or a name. */
export type Answer =
  | { readonly type: "a" | "aaaa"; readonly address: Uint8Array }
  | { readonly type: "ptr"; readonly name: string };

const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const CLASS_IN = 1;
/** Containers come and go. */
const TTL_SECONDS = 5;
const RESPONSE = 0x8000;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;
const OPCODE = 0x7800;
/** A pointer to the question's name. */
const SAME_NAME = 0xc000 | HEADER_BYTES;

/** Reads a query. @returns the code of what is wrong with it, or undefined where nothing can be answered: it is no query at all */
export function parseQuery(message: Uint8Array): Query | number | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const flags = view.getUint16(2);
  if ((flags & RESPONSE) !== 0) return undefined;
  if ((flags & OPCODE) !== 0) return rcode.notImplemented;
  if (view.getUint16(4) !== 1) return rcode.formatError;
  const name = readName(message);
  if (name === undefined || name.end + 4 > message.length) return rcode.formatError;
  if (view.getUint16(name.end + 2) !== CLASS_IN) return rcode.refused;
  return {
    id: view.getUint16(0),
    name: name.text,
    type: view.getUint16(name.end),
    question: message.slice(HEADER_BYTES, name.end + 4),
    wantsRecursion: (flags & RECURSION_DESIRED) !== 0,
  };
}

/** The question's name. It comes first, so there is nothing that a pointer in it could point to. */
function readName(message: Uint8Array): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at - HEADER_BYTES > MAX_NAME_BYTES) return undefined;
    at++;
    if (length === 0) return { text: labels.join(".").toLowerCase(), end: at };
    if (at + length > message.length) return undefined;
    labels.push(Buffer.from(message.subarray(at, at + length)).toString("latin1"));
    at += length;
  }
}

/** The answer to `query`. */
export function encodeAnswer(query: Query, answers: readonly Answer[]): Uint8Array {
  const records = answers.map(encodeRecord);
  return Buffer.concat([header(query, rcode.noError, records.length), query.question, ...records]);
}

/** An answer without records. */
export function encodeRefusal(query: Query, code: number): Uint8Array {
  return Buffer.concat([header(query, code, 0), query.question]);
}

/** The answer to a message that holds no question to repeat. */
export function encodeMalformed(message: Uint8Array, code: number): Uint8Array {
  const answer = Buffer.alloc(HEADER_BYTES);
  answer.set(message.subarray(0, 2));
  answer.writeUInt16BE(RESPONSE | RECURSION_AVAILABLE | code, 2);
  return answer;
}

function header({ id, wantsRecursion }: Query, code: number, answers: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(RESPONSE | (wantsRecursion ? RECURSION_DESIRED : 0) | RECURSION_AVAILABLE | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers, 6);
  return header;
}

function encodeRecord(answer: Answer): Buffer {
  const data = answer.type === "ptr" ? encodeName(answer.name) : answer.address;
  const record = Buffer.alloc(12);
  record.writeUInt16BE(SAME_NAME, 0);
  record.writeUInt16BE(recordType[answer.type], 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(TTL_SECONDS, 6);
  record.writeUInt16BE(data.length, 10);
  return Buffer.concat([record, data]);
}

/** Names of containers and networks have labels of at most 63 bytes; what is longer is cut, since it is for people's eyes. */
function encodeName(name: string): Buffer {
  const labels = name.split(".").map((label) => {
    const bytes = Buffer.from(label, "latin1").subarray(0, 63);
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  return Buffer.concat([...labels, Buffer.of(0)]);
}
