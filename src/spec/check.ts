/**
 * Checks of parsed JSON against a document's type: every issue, each with its path into the document, what it found
 * and what it wants. A check is a function made once per document type from smaller ones; on a right value it
 * allocates nothing. The compiler proves that `object<T>()` checks every field of `T`.
 */
import { TeuError } from "../base/index.ts";

/** One thing that is wrong with a document. */
export interface Issue {
  /** Keys and indexes from the document's top. */
  readonly path: readonly (string | number)[];
  readonly found: string;
  readonly wants: string;
}

/** Returns what is wrong with `value`, undefined if nothing is. `T` is what the value then is. */
export interface Check<T> {
  (value: unknown): readonly Issue[] | undefined;
  readonly checks?: T;
}

/** A check for a field that may be absent. `null` counts as absent, as Go's readers of these documents have it. */
export interface OptionalCheck<T> {
  readonly optional: Check<T>;
}

/** For each field of `T` its check: an optional one exactly where `T` has the field optional. */
export type Fields<T> = {
  readonly [K in keyof T]-?: Record<string, never> extends Pick<T, K>
    ? OptionalCheck<Exclude<T[K], undefined>>
    : Check<T[K]>;
};

/** A document breaks its specification. All issues are in `context`, the first ones in the message. */
export class InvalidDocument extends TeuError<
  "invalid-document",
  { name: string; issues: readonly Issue[] }
> {
  constructor(context: { name: string; issues: readonly Issue[] }) {
    super("invalid-document", "invalid", context, `Cannot read ${context.name}: ${sentence(context.issues)}`);
  }
}

const SHOWN = 5;

function sentence(issues: readonly Issue[]): string {
  const shown = issues.slice(0, SHOWN).map(encodeIssue);
  if (issues.length > SHOWN) shown.push(`and ${issues.length - SHOWN} more`);
  return shown.join("; ");
}

/** `process.args[1]: found number, wants string`. */
export function encodeIssue({ path, found, wants }: Issue): string {
  const fault = `found ${found}, wants ${wants}`;
  return path.length === 0 ? fault : `${encodePath(path)}: ${fault}`;
}

/** `process.args[1]`, `annotations["a b"]`. */
export function encodePath(path: readonly (string | number)[]): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "string" && /^[A-Za-z_$][\w$]*$/.test(key)) text += text === "" ? key : `.${key}`;
    else text += `[${JSON.stringify(key)}]`;
  }
  return text;
}

/**
 * Passes `value` on as what `check` says it is.
 * @param name  What the document is called in messages: `config.json`.
 * @throws {InvalidDocument}
 */
export function mustBe<T>(check: Check<T>, value: unknown, name: string): T {
  const issues = check(value);
  if (issues !== undefined) throw new InvalidDocument({ name, issues });
  return value as T; // just checked
}

/** The one issue at this very place. */
export function issue(value: unknown, wants: string): readonly Issue[] {
  return [{ path: [], found: kindOf(value), wants }];
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint") return "number";
  return typeof value;
}

/** Issues below `key`: the key is put in front on the way out, so that a right value costs no path. */
function within(key: string | number, issues: readonly Issue[], into: Issue[] | undefined): Issue[] {
  const all = into ?? [];
  for (const { path, found, wants } of issues) all.push({ path: [key, ...path], found, wants });
  return all;
}

/** Any string. */
export const string: Check<string> = (value) =>
  typeof value === "string" ? undefined : issue(value, "string");

/** true or false. */
export const boolean: Check<boolean> = (value) =>
  typeof value === "boolean" ? undefined : issue(value, "boolean");

/** A whole number between `min` and `max`, both included, within what `number` holds exactly. */
export function integer(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Check<number> {
  return (value) => {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max)
      return undefined;
    return outside(value, `a whole number from ${min} to ${max}`);
  };
}

/** A whole number between `min` and `max`, both included; beyond 2^53 it is a `bigint`, see `parseJSON`. */
export function integer64(min: bigint, max: bigint): Check<number | bigint> {
  return (value) => {
    const whole = typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value));
    if (whole && value >= min && value <= max) return undefined;
    return outside(value, `a whole number from ${min} to ${max}`);
  };
}

function outside(value: unknown, wants: string): readonly Issue[] {
  if (typeof value !== "number" && typeof value !== "bigint") return issue(value, "number");
  return [{ path: [], found: String(value), wants }];
}

/** One of these words. */
export function oneOf<const T extends string>(words: readonly T[]): Check<T> {
  const known: ReadonlySet<unknown> = new Set(words);
  return (value) => {
    if (known.has(value)) return undefined;
    if (typeof value !== "string") return issue(value, "string");
    return [{ path: [], found: JSON.stringify(value), wants: `one of ${words.join(", ")}` }];
  };
}

/** An array whose elements all pass. */
export function array<T>(element: Check<T>): Check<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) return issue(value, "array");
    let all: Issue[] | undefined;
    for (let index = 0; index < value.length; index++) {
      const issues = element(value[index]);
      if (issues !== undefined) all = within(index, issues, all);
    }
    return all;
  };
}

/** An object with any keys whose values all pass. */
export function record<T>(element: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value) => {
    if (!isRecord(value)) return issue(value, "object");
    let all: Issue[] | undefined;
    for (const key in value) {
      const issues = element(value[key]);
      if (issues !== undefined) all = within(key, issues, all);
    }
    return all;
  };
}

/**
 * An object with these fields; others are tolerated. A field that is `null` and may be absent is removed.
 * @param fields  Or what makes them, when the first such object comes: large ones cost every program that may meet one.
 */
export function object<T extends object>(fields: Fields<T> | (() => Fields<T>)): Check<T> {
  // Not before it is needed: most documents have no use for most checks.
  let entries: (readonly [string, Check<unknown> | OptionalCheck<unknown>])[] | undefined;
  return (value) => {
    if (!isRecord(value)) return issue(value, "object");
    entries ??= Object.entries<Check<unknown> | OptionalCheck<unknown>>(
      typeof fields === "function" ? fields() : fields,
    );
    let all: Issue[] | undefined;
    for (const [name, wanted] of entries) {
      const field = value[name];
      const check = typeof wanted === "function" ? wanted : wanted.optional;
      if (check !== wanted) {
        if (field === undefined) continue;
        if (field === null) {
          delete value[name];
          continue;
        }
      }
      const issues = check(field);
      if (issues !== undefined) all = within(name, issues, all);
    }
    return all;
  };
}

/** A field that may be absent. */
export function optional<T>(check: Check<T>): OptionalCheck<T> {
  return { optional: check };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
