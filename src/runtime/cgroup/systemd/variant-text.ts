/**
 * GVariant's text format, as far as properties of units need it: booleans, numbers, strings, arrays of these, and a type in
 * front: `true`, `uint64 5`, `'a'`, `['a', "b"]`, `@as []`.
 * Source: GLib, GVariant Text Format.
 */
import { TeuError } from "../../../base/index.ts";
import type { Value, Variant } from "./marshal.ts";

/** The text is no value. */
export class InvalidVariantText extends TeuError<"invalid-variant-text", { field: string; text: string }> {
  constructor(context: { field: string; text: string }) {
    const { field, text } = context;
    super(
      "invalid-variant-text",
      "invalid",
      context,
      `Invalid ${field}: value parse error: ${JSON.stringify(text)}`,
    );
  }
}

/** Keywords that give a number its type, and the range of each. */
const TYPES: Readonly<Record<string, readonly [signature: string, bits: number, isSigned: boolean]>> = {
  byte: ["y", 8, false],
  int16: ["n", 16, true],
  uint16: ["q", 16, false],
  int32: ["i", 32, true],
  uint32: ["u", 32, false],
  int64: ["x", 64, true],
  uint64: ["t", 64, false],
};
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

/** @param field  What the text is the value of, for the error. @throws {InvalidVariantText} */
export function parseVariant(text: string, field: string): Variant {
  const parser = new Parser(text, () => new InvalidVariantText({ field, text }));
  const value = parser.value(undefined);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  readonly #error: () => InvalidVariantText;
  #at = 0;

  constructor(text: string, error: () => InvalidVariantText) {
    this.#text = text;
    this.#error = error;
  }

  /** @param wanted  The signature that comes from outside, if any. */
  value(wanted: string | undefined): Variant {
    const type = this.#take(/@([a-z]+)\s+/y)?.[1];
    if (type !== undefined) return this.value(type);
    if (this.#take(/\[/y) !== undefined) return this.#array(wanted);
    const boolean = this.#take(/(true|false)\b/y)?.[1];
    if (boolean !== undefined) return this.#typed("b", boolean === "true", wanted);
    const string = this.#string();
    if (string !== undefined)
      return this.#typed(wanted === "o" || wanted === "g" ? wanted : "s", string, wanted);
    return this.#number(wanted);
  }

  end(): void {
    this.#take(/\s*/y);
    if (this.#at !== this.#text.length) throw this.#error();
  }

  #array(wanted: string | undefined): Variant {
    let element = wanted?.startsWith("a") ? wanted.slice(1) : undefined;
    if (wanted !== undefined && element === undefined) throw this.#error();
    const values: Value[] = [];
    while (this.#take(/\s*\]/y) === undefined) {
      if (values.length > 0 && this.#take(/\s*,/y) === undefined) throw this.#error();
      const { signature, value } = this.value(element);
      element = signature;
      values.push(value);
    }
    if (element === undefined) throw this.#error(); // nothing says of what it is empty
    return { signature: `a${element}`, value: values };
  }

  #string(): string | undefined {
    const quoted = this.#take(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/sy);
    const inner = quoted?.[1] ?? quoted?.[2];
    return inner?.replaceAll(
      /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs,
      (_, short: string | undefined, long: string | undefined, letter: string) => {
        const code = short ?? long;
        if (code === undefined) return ESCAPES[letter] ?? letter;
        if (Number.parseInt(code, 16) > 0x10ffff) throw this.#error();
        return String.fromCodePoint(Number.parseInt(code, 16));
      },
    );
  }

  #number(wanted: string | undefined): Variant {
    const keyword = this.#take(/(byte|u?int(?:16|32|64)|double)\s+/y)?.[1];
    const text = this.#take(/[-+]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)/y)?.[0];
    if (text === undefined) throw this.#error();
    const isDouble =
      keyword === "double" ||
      (keyword === undefined && (wanted === "d" || (/[.eE]/.test(text) && !/x/.test(text))));
    if (isDouble) return this.#typed("d", Number(text), wanted);
    const named =
      keyword === undefined ? Object.values(TYPES).find(([name]) => name === wanted) : TYPES[keyword];
    const [signature, bits, isSigned] = named ?? ["i", 32, true];
    if (!/^[-+]?(0x[0-9a-fA-F]+|\d+)$/.test(text)) throw this.#error();
    const value = text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", ""));
    const most = 2n ** BigInt(isSigned ? bits - 1 : bits);
    if (value >= most || value < (isSigned ? -most : 0n)) throw this.#error();
    return this.#typed(signature, value, wanted);
  }

  #typed(signature: string, value: Value, wanted: string | undefined): Variant {
    if (wanted !== undefined && wanted !== signature) throw this.#error();
    return { signature, value };
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    const space = /\s*/y;
    space.lastIndex = this.#at;
    space.exec(this.#text);
    const begin = space.lastIndex;
    pattern.lastIndex = begin;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }
}
