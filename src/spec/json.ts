/**
 * JSON text → value, with two things that `JSON.parse` has not: the place of a syntax error, and integers beyond
 * 2^53 as `bigint`. Both cost only where they occur: a valid text without such integers is parsed once, natively.
 * Source: RFC 8259.
 */
import { TeuError } from "../base/index.ts";

/** The text is not JSON. `line` and `column` start at 1, `column` counts UTF-16 units. */
export class InvalidJSON extends TeuError<
  "invalid-json",
  { name: string; line: number; column: number; found: string; want: string }
> {
  constructor(context: { name: string; line: number; column: number; found: string; want: string }) {
    super(
      "invalid-json",
      "invalid",
      context,
      `Cannot read ${context.name}: line ${context.line}, column ${context.column}: found ${context.found}, wants ${context.want}`,
    );
  }
}

/** A number token so long that `JSON.parse` may round it. */
const LONG_INTEGER = /[:,[\s]-?\d{16}/;

/**
 * Parses `text`.
 * @param name  What the text is called in messages: `config.json`.
 * @throws {InvalidJSON}
 */
export function parseJSON(text: string, name: string): unknown {
  try {
    return LONG_INTEGER.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch {
    const fault = findFault(text) ?? { offset: 0, want: "fewer levels of nesting" };
    const before = text.slice(0, fault.offset);
    const line = before.split("\n").length;
    const column = fault.offset - before.lastIndexOf("\n");
    throw new InvalidJSON({ name, line, column, found: describe(text, fault.offset), want: fault.want });
  }
}

/** The reviver's third argument, not yet in TypeScript's library. Source: ECMA-262, JSON.parse source text access. */
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

/** `JSON.rawJSON`, not yet in TypeScript's library. Source: ECMA-262, JSON.parse source text access. */
const { rawJSON } = JSON as typeof JSON & { readonly rawJSON: (text: string) => unknown };

/** The text of `value`, which `parseJSON` may have made: with every digit of an integer. */
export function encodeJSON(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "bigint" ? rawJSON(String(part)) : part,
  );
}

function describe(text: string, offset: number): string {
  const character = text[offset];
  if (character === undefined) return "the end of the text";
  if (character === "\n") return "the end of the line";
  return JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 0));
}

interface Fault {
  readonly offset: number;
  readonly want: string;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const STRING_PART = /(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

/** Where `text` stops being JSON; undefined if it is JSON after all. Runs only for a text that failed, without recursion. */
function findFault(text: string): Fault | undefined {
  let at = 0;
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) return false;
    at += found[0].length;
    return true;
  };
  const string = (): Fault | undefined => {
    at++;
    match(STRING_PART);
    if (text[at] !== '"') return { offset: at, want: "a string's next character or its closing quote" };
    at++;
    return undefined;
  };
  const open: ("{" | "[")[] = [];
  let expect: "value" | "value or ]" | "key" | "key or }" | "next" = "value";
  for (;;) {
    match(SPACE);
    const character = text[at];
    if (expect === "next") {
      const inside = open.at(-1);
      if (inside === undefined) return at === text.length ? undefined : { offset: at, want: "the end" };
      if (character === (inside === "{" ? "}" : "]")) {
        at++;
        open.pop();
      } else if (character === ",") {
        at++;
        expect = inside === "{" ? "key" : "value";
      } else return { offset: at, want: inside === "{" ? 'a comma or "}"' : 'a comma or "]"' };
    } else if (expect === "key" || expect === "key or }") {
      if (expect === "key or }" && character === "}") {
        at++;
        open.pop();
        expect = "next";
        continue;
      }
      if (character !== '"') return { offset: at, want: "a name in quotes" };
      const fault = string();
      if (fault !== undefined) return fault;
      match(SPACE);
      if (text[at] !== ":") return { offset: at, want: "a colon" };
      at++;
      expect = "value";
    } else if (expect === "value or ]" && character === "]") {
      at++;
      open.pop();
      expect = "next";
    } else if (character === "{" || character === "[") {
      at++;
      open.push(character);
      expect = character === "{" ? "key or }" : "value or ]";
    } else if (character === '"') {
      const fault = string();
      if (fault !== undefined) return fault;
      expect = "next";
    } else if (match(WORD) || match(NUMBER)) expect = "next";
    else return { offset: at, want: "a value" };
  }
}
