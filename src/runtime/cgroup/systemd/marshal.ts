/**
 * Values as D-Bus has them on the wire, little-endian, by signature. Only what systemd's methods need: no file descriptors.
 * Source: D-Bus specification, Marshaling.
 */
import { TeuError } from "../../../base/index.ts";

/** By its signature: a number or bigint, boolean, string, list (arrays and structs alike), or variant. */
export type Value = number | bigint | boolean | string | readonly Value[] | Variant;

/** A value that brings its own signature. */
export interface Variant {
  readonly signature: string;
  readonly value: Value;
}

/** Bytes are not what their signature says. */
export class InvalidDbusMessage extends TeuError<"invalid-dbus-message", { why: string }> {
  constructor(context: { why: string }) {
    super("invalid-dbus-message", "data-loss", context, `Invalid D-Bus message: ${context.why}`);
  }
}

/** Width and alignment of types that are one number. */
const NUMBERS: Readonly<Record<string, 1 | 2 | 4 | 8>> = {
  y: 1,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  b: 4,
  x: 8,
  t: 8,
  d: 8,
};

function alignmentOf(type: string): number {
  const first = type[0] ?? "";
  if ("({".includes(first)) return 8;
  if (first === "g" || first === "v") return 1;
  return NUMBERS[first] ?? 4;
}

/** The complete types of which a signature consists: `sa(sv)` → `s`, `a(sv)`. */
export function splitSignature(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    let end = at;
    while (signature[end] === "a") end++;
    let depth = 0;
    do {
      const letter = signature[end++];
      // A structure of nothing would have no size, and an array of such no end.
      const isEmpty = ")}".includes(letter ?? ".") && "({".includes(signature[end - 2] ?? ".");
      if (letter === undefined || isEmpty) throw new InvalidDbusMessage({ why: `signature ${signature}` });
      if (letter === "(" || letter === "{") depth++;
      if (letter === ")" || letter === "}") depth--;
    } while (depth > 0);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

/** Collects bytes; alignment counts from its beginning. */
export class Writer {
  #bytes: Uint8Array = new Uint8Array(1024);
  #length = 0;

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length) as Uint8Array<ArrayBuffer>;
  }

  /** One value for each type of `signature`. */
  write(signature: string, values: readonly Value[]): void {
    splitSignature(signature).forEach((type, index) => {
      this.#write(type, values[index] as Value);
    });
  }

  align(to: number): void {
    this.#reserve(to);
    while (this.#length % to !== 0) this.#bytes[this.#length++] = 0;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #write(type: string, value: Value): void {
    const first = type[0] ?? "";
    const inner = type.slice(1, -1);
    this.align(alignmentOf(type));
    if (first === "a") this.#writeArray(type.slice(1), value as readonly Value[]);
    else if (first === "(" || first === "{") this.write(inner, value as readonly Value[]);
    else if (first === "v") {
      const variant = value as Variant;
      this.write("g", [variant.signature]);
      this.#write(variant.signature, variant.value);
    } else if (first === "s" || first === "o" || first === "g") {
      const text = Buffer.from(value as string, "utf8");
      this.#writeNumber(first === "g" ? "y" : "u", text.length);
      this.append(text);
      this.append(NUL);
    } else this.#writeNumber(first, value as number | bigint | boolean);
  }

  #writeNumber(type: string, value: number | bigint | boolean): void {
    const width = NUMBERS[type];
    if (width === undefined) throw new InvalidDbusMessage({ why: `type ${type}` });
    this.#reserve(width);
    const view = new DataView(this.#bytes.buffer, this.#length, width);
    this.#length += width;
    if (type === "d") view.setFloat64(0, Number(value), true);
    else if (width === 8) view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
    else if (width === 4) view.setUint32(0, Number(value), true);
    else if (width === 2) view.setUint16(0, Number(value), true);
    else view.setUint8(0, Number(value));
  }

  /** The length does not count what aligns the first element. */
  #writeArray(type: string, values: readonly Value[]): void {
    this.#writeNumber("u", 0);
    const at = this.#length - 4;
    this.align(alignmentOf(type));
    const start = this.#length;
    for (const value of values) this.#write(type, value);
    new DataView(this.#bytes.buffer).setUint32(at, this.#length - start, true);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const bytes = new Uint8Array((this.#length + more) * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

const NUL = Uint8Array.of(0);

/** Reads values from bytes whose first is aligned. @throws {InvalidDbusMessage} */
export function readValues(bytes: Uint8Array, signature: string): Value[] {
  const reader = new Reader(bytes);
  return splitSignature(signature).map((type) => reader.read(type));
}

/** The specification's, for arrays and structures together. */
const MAX_DEPTH = 64;

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(type: string): Value {
    if (++this.#depth > MAX_DEPTH) throw new InvalidDbusMessage({ why: "it is nested too deep" });
    const value = this.#read(type);
    this.#depth--;
    return value;
  }

  #read(type: string): Value {
    const first = type[0] ?? "";
    this.#at = align(this.#at, alignmentOf(type));
    if (first === "a") return this.#readArray(type.slice(1));
    if (first === "(" || first === "{")
      return splitSignature(type.slice(1, -1)).map((inner) => this.read(inner));
    if (first === "v") {
      const signature = this.read("g") as string;
      return { signature, value: this.read(signature) };
    }
    if (first === "s" || first === "o" || first === "g") {
      const length = Number(this.#number(first === "g" ? "y" : "u"));
      const text = Buffer.from(this.#take(length)).toString("utf8");
      this.#take(1);
      return text;
    }
    const number = this.#number(first);
    return first === "b" ? number !== 0 : number;
  }

  #readArray(type: string): Value[] {
    const length = Number(this.#number("u"));
    this.#at = align(this.#at, alignmentOf(type));
    const end = this.#at + length;
    if (end > this.#bytes.length)
      throw new InvalidDbusMessage({ why: "an array is longer than its message" });
    const values: Value[] = [];
    while (this.#at < end) values.push(this.read(type));
    return values;
  }

  #number(type: string): number | bigint {
    const width = NUMBERS[type];
    if (width === undefined) throw new InvalidDbusMessage({ why: `type ${type}` });
    const at = this.#at;
    this.#take(width);
    switch (type) {
      case "d":
        return this.#view.getFloat64(at, true);
      case "x":
        return this.#view.getBigInt64(at, true);
      case "t":
        return this.#view.getBigUint64(at, true);
      case "i":
        return this.#view.getInt32(at, true);
      case "n":
        return this.#view.getInt16(at, true);
      case "q":
        return this.#view.getUint16(at, true);
      case "y":
        return this.#view.getUint8(at);
      default:
        return this.#view.getUint32(at, true);
    }
  }

  #take(length: number): Uint8Array {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new InvalidDbusMessage({ why: "it ends within a value" });
    return this.#bytes.subarray(at, this.#at);
  }
}

export function align(at: number, to: number): number {
  return Math.ceil(at / to) * to;
}
