/**
 * The wire format of protocol buffers, as far as CRIU's service needs it: numbers, texts and nested messages. What is
 * decoded came from another program, so every length is checked before it is believed.
 * Source: protobuf.dev, Encoding.
 */
import { TeuError } from "../../base/index.ts";

/** The other side sent bytes that are no message. */
export class InvalidMessage extends TeuError<"invalid-criu-message", { why: string; at: number }> {
  constructor(context: { why: string; at: number }) {
    super(
      "invalid-criu-message",
      "internal",
      context,
      `Cannot read the answer of criu: ${context.why} at byte ${context.at}`,
    );
  }
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const FIXED_BYTES = { [FIXED64]: 8, [FIXED32]: 4 } as const;
/** A varint of 64 bits. */
const MAX_VARINT_BYTES = 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Where the fields of a message go: a number, and for a nested message also its own fields. */
export type FieldTable<M> = {
  readonly [Name in keyof M]-?: Encoded<NonNullable<M[Name]>>;
};
type Encoded<Value> = Value extends Scalar | readonly Scalar[]
  ? number
  : Value extends readonly (infer Item)[]
    ? readonly [number, FieldTable<Item>]
    : readonly [number, FieldTable<Value>];
type Scalar = number | boolean | string;
type AnyTable = { readonly [name: string]: number | readonly [number, AnyTable] };

/** `message` as bytes; fields that are undefined are left out, an array is a repeated field. */
export function encodeMessage<M extends object>(message: M, table: FieldTable<M>): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  encodeInto(bytes, message, table as AnyTable); // FieldTable has checked that they belong together
  return new Uint8Array(bytes);
}

function encodeInto(bytes: number[], message: object, table: AnyTable): void {
  for (const [name, value] of Object.entries(message)) {
    const field = table[name];
    if (field === undefined || value === undefined) continue;
    const [number, inner] = typeof field === "number" ? [field] : field;
    for (const item of Array.isArray(value) ? value : [value]) encodeField(bytes, number, item, inner);
  }
}

function encodeField(bytes: number[], number: number, value: Scalar | object, inner?: AnyTable): void {
  if (typeof value === "number" || typeof value === "boolean") {
    encodeVarint(bytes, BigInt(number * 8 + VARINT));
    // A negative number is sent as 64 bits of two's complement.
    encodeVarint(bytes, BigInt.asUintN(64, BigInt(value)));
    return;
  }
  const content: number[] = [];
  if (typeof value === "string") content.push(...encoder.encode(value));
  else encodeInto(content, value, inner ?? {});
  encodeVarint(bytes, BigInt(number * 8 + BYTES));
  encodeVarint(bytes, BigInt(content.length));
  for (const byte of content) bytes.push(byte);
}

function encodeVarint(bytes: number[], value: bigint): void {
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
}

/** The fields of one message, by their numbers. Of a field that comes more than once the last counts. */
export class Fields {
  readonly #values = new Map<number, bigint | Uint8Array>();

  /** @throws {InvalidMessage} */
  constructor(bytes: Uint8Array) {
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let count = 0; count < MAX_VARINT_BYTES; count++) {
        const byte = bytes[at];
        if (byte === undefined) throw new InvalidMessage({ why: "it ends within a number", at });
        at++;
        value |= BigInt(byte & 0x7f) << BigInt(7 * count);
        if (byte < 0x80) return BigInt.asUintN(64, value);
      }
      throw new InvalidMessage({ why: "a number has no end", at });
    };
    const take = (length: number): Uint8Array => {
      if (length > bytes.length - at) throw new InvalidMessage({ why: "it ends within a field", at });
      at += length;
      return bytes.subarray(at - length, at);
    };
    while (at < bytes.length) {
      const key = varint();
      const number = Number(key >> 3n);
      const type = Number(key & 7n);
      if (type === VARINT) this.#values.set(number, varint());
      else if (type === BYTES) this.#values.set(number, take(Number(varint())));
      else if (type === FIXED32 || type === FIXED64) take(FIXED_BYTES[type]);
      else throw new InvalidMessage({ why: `a field is of the unknown type ${type}`, at });
    }
  }

  /** An int32 or an enum. */
  number(field: number): number | undefined {
    const value = this.#values.get(field);
    return typeof value === "bigint" ? Number(BigInt.asIntN(32, value)) : undefined;
  }

  boolean(field: number): boolean | undefined {
    const value = this.#values.get(field);
    return typeof value === "bigint" ? value !== 0n : undefined;
  }

  text(field: number): string | undefined {
    const value = this.#values.get(field);
    return typeof value === "object" ? decoder.decode(value) : undefined;
  }

  /** @throws {InvalidMessage} */
  message(field: number): Fields | undefined {
    const value = this.#values.get(field);
    return typeof value === "object" ? new Fields(value) : undefined;
  }
}
