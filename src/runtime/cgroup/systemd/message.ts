/** D-Bus messages: a header of fixed and of optional fields, and a body by its signature. Source: D-Bus specification, Message Protocol. */
import { align, InvalidDbusMessage, readValues, type Value, type Variant, Writer } from "./marshal.ts";

const LITTLE_ENDIAN = 0x6c;
const VERSION = 1;
/** What tells how long the whole is. */
export const PREFIX_BYTES = 16;
/** What the specification allows. */
const MAX_BYTES = 128 << 20;

export const messageTypes = { call: 1, reply: 2, error: 3, signal: 4 } as const;

const FIELDS = {
  path: 1,
  interface: 2,
  member: 3,
  error: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;
const FIELD_SIGNATURES: Readonly<Record<keyof typeof FIELDS, string>> = {
  path: "o",
  interface: "s",
  member: "s",
  error: "s",
  replySerial: "u",
  destination: "s",
  signature: "g",
};

/** One message; a field that it does not have is absent. */
export interface Message {
  readonly type: number;
  readonly serial: number;
  readonly fields: Readonly<Partial<Record<keyof typeof FIELDS, Value>>>;
  readonly body: readonly Value[];
}

export function encodeMessage({ type, serial, fields, body }: Message): Uint8Array<ArrayBuffer> {
  const content = new Writer();
  content.write((fields.signature as string | undefined) ?? "", body);
  const bytes = content.bytes;
  const header = new Writer();
  const list = Object.entries(fields).map(([name, value]) => {
    const key = name as keyof typeof FIELDS;
    return [FIELDS[key], { signature: FIELD_SIGNATURES[key], value } satisfies Variant];
  });
  header.write("yyyyuua(yv)", [LITTLE_ENDIAN, type, 0, VERSION, bytes.length, serial, list]);
  header.align(8);
  header.append(bytes);
  return header.bytes;
}

/** How long the message is that begins with `prefix`. @throws {InvalidDbusMessage} */
export function messageLength(prefix: Uint8Array): number {
  if (prefix[0] !== LITTLE_ENDIAN) throw new InvalidDbusMessage({ why: "it is not little-endian" });
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const length = align(PREFIX_BYTES + view.getUint32(12, true), 8) + view.getUint32(4, true);
  if (length > MAX_BYTES) throw new InvalidDbusMessage({ why: `it has ${length} bytes` });
  return length;
}

/** @throws {InvalidDbusMessage} */
export function decodeMessage(bytes: Uint8Array): Message {
  const [, type, , , bodyBytes, serial, list] = readValues(bytes, "yyyyuua(yv)");
  const fields: Partial<Record<keyof typeof FIELDS, Value>> = {};
  for (const [number, variant] of list as readonly [number, Variant][]) {
    const name = Object.entries(FIELDS).find(([, known]) => known === number)?.[0];
    if (name !== undefined) fields[name as keyof typeof FIELDS] = variant.value;
  }
  const signature = typeof fields.signature === "string" ? fields.signature : "";
  const body = readValues(bytes.subarray(bytes.length - Number(bodyBytes)), signature);
  return { type: Number(type), serial: Number(serial), fields, body };
}
