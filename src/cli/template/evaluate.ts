/** Evaluates templates. Source: pkg.go.dev/text/template, functions; docker's formatting reference. */
import { InvalidOption } from "../../engine/index.ts";
import { type Call, type Expression, type Node, type Pipeline, parseTemplate } from "./parse.ts";
import { printf } from "./printf.ts";

/** Makes the text of each value. @throws {InvalidOption} when the template is wrong; when called, for a field that is not there */
export function compileTemplate(template: string): (data: unknown) => string {
  const nodes = parseTemplate(template, isFunction);
  return (data) => new Evaluation(template, data).run(nodes, data);
}

type Variables = Map<string, unknown>;

/** `break` and `continue` on their way to the range that they are in. */
class Jump {
  /** What has been made of this round until then. */
  text = "";
  readonly isLast: boolean;
  constructor(isLast: boolean) {
    this.isLast = isLast;
  }
}

class Evaluation {
  readonly #template: string;
  readonly #variables: Variables;

  constructor(template: string, data: unknown) {
    this.#template = template;
    this.#variables = new Map([["", data]]);
  }

  run(nodes: readonly Node[], dot: unknown): string {
    let text = "";
    for (const node of nodes)
      try {
        text += this.#node(node, dot);
      } catch (caught) {
        if (caught instanceof Jump) caught.text = text + caught.text;
        throw caught;
      }
    return text;
  }

  #node(node: Node, dot: unknown): string {
    switch (node.kind) {
      case "text":
        return node.text;
      case "print": {
        const value = this.#pipeline(node.pipeline, dot);
        return node.pipeline.sets.length > 0 ? "" : textOf(value);
      }
      case "if":
        return this.run(isTrue(this.#pipeline(node.pipeline, dot)) ? node.then : node.otherwise, dot);
      case "with": {
        const value = this.#pipeline(node.pipeline, dot);
        return isTrue(value) ? this.run(node.then, value) : this.run(node.otherwise, dot);
      }
      case "range":
        return this.#range(node, dot);
      case "jump":
        throw new Jump(node.isLast);
      default:
        return node satisfies never;
    }
  }

  #range(
    { pipeline, then, otherwise }: Extract<Node, { pipeline: Pipeline; then: unknown }>,
    dot: unknown,
  ): string {
    const value = this.#value({ ...pipeline, sets: [] }, dot);
    const entries = entriesOf(value);
    if (entries.length === 0) return this.run(otherwise, dot);
    const [first, second] = pipeline.sets;
    let text = "";
    for (const [key, element] of entries) {
      if (second !== undefined) this.#variables.set(second, element);
      if (first !== undefined) this.#variables.set(first, second === undefined ? element : key);
      try {
        text += this.run(then, element);
      } catch (caught) {
        if (!(caught instanceof Jump)) throw caught;
        text += caught.text;
        if (caught.isLast) break;
      }
    }
    return text;
  }

  #pipeline(pipeline: Pipeline, dot: unknown): unknown {
    const value = this.#value(pipeline, dot);
    const [name] = pipeline.sets;
    if (name !== undefined) this.#variables.set(name, value);
    return value;
  }

  #value({ calls }: Pipeline, dot: unknown): unknown {
    let value: unknown;
    for (const [index, call] of calls.entries()) value = this.#call(call, dot, index === 0 ? [] : [value]);
    return value;
  }

  #call([head, ...rest]: Call, dot: unknown, piped: readonly unknown[]): unknown {
    const decides = head.kind === "function" ? LAZY[head.name] : undefined;
    if (decides !== undefined) {
      // No further than needed: what comes later may be about what is not there.
      let value: unknown;
      for (const expression of rest) {
        value = this.#expression(expression, dot);
        if (decides(isTrue(value))) return value;
      }
      return piped.length > 0 ? piped[0] : value;
    }
    const values = [...rest.map((expression) => this.#expression(expression, dot)), ...piped];
    if (head.kind === "function") return this.#function(head.name, values);
    const value = this.#expression(head, dot);
    if (typeof value === "function") return (value as (...words: unknown[]) => unknown)(...values); // a method of the data's
    if (values.length > 0) throw this.#wrong("can't give argument to non-function");
    return value;
  }

  #expression(expression: Expression, dot: unknown): unknown {
    switch (expression.kind) {
      case "literal":
        return expression.value;
      case "field":
        return this.#walk(dot, expression.path);
      case "variable":
        if (!this.#variables.has(expression.name))
          throw this.#wrong(`undefined variable "$${expression.name}"`);
        return this.#walk(this.#variables.get(expression.name), expression.path);
      case "function":
        return this.#function(expression.name, []);
      case "pipeline":
        return this.#walk(this.#pipeline(expression.pipeline, dot), expression.path);
      default:
        return expression satisfies never;
    }
  }

  #walk(value: unknown, path: readonly string[]): unknown {
    return path.reduce<unknown>((at, name, index) => {
      const isFree = index > 0 && FREE_KEYS.has(path[index - 1] ?? "");
      for (const key of isFree ? [name] : [name, GO_NAMES[name] ?? name])
        if (typeof at === "object" && at !== null && Object.hasOwn(at, key))
          return (at as Record<string, unknown>)[key]; // it has the key
      if (isFree) return undefined;
      throw this.#wrong(`map has no entry for key "${name}"`);
    }, value);
  }

  #function(name: string, values: readonly unknown[]): unknown {
    const work = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (work === undefined) throw this.#wrong(`missing arguments of ${name}`);
    try {
      return work(...values);
    } catch (caught) {
      if (!(caught instanceof CallFailed)) throw caught;
      throw this.#wrong(`error calling ${name}: ${caught.message}`);
    }
  }

  #wrong(why: string): InvalidOption {
    return new InvalidOption({ option: "--format", value: this.#template }, `template: ${why}`);
  }
}

/** What Go's functions say of values that they are not for. */
class CallFailed extends Error {}

/** What is in them has names of people's choice: one that is not there is no mistake. In docker they are Go's map[string]string. */
const FREE_KEYS: ReadonlySet<string> = new Set(["Labels", "Attributes", "Options", "Annotations", "Sysctls"]);

/** Docker's templates name the fields of Go first, and then the keys of JSON. These are the fields that have another name there. */
const GO_NAMES: Readonly<Record<string, string>> = {
  APIVersion: "ApiVersion",
  ID: "Id",
  CPUCfsPeriod: "CpuCfsPeriod",
  CPUCfsQuota: "CpuCfsQuota",
  CPUCount: "CpuCount",
  CPUPercent: "CpuPercent",
  CPUPeriod: "CpuPeriod",
  CPUQuota: "CpuQuota",
  CPURealtimePeriod: "CpuRealtimePeriod",
  CPURealtimeRuntime: "CpuRealtimeRuntime",
  CPUShares: "CpuShares",
  DNS: "Dns",
  DNSOptions: "DnsOptions",
  DNSSearch: "DnsSearch",
  NanoCPUs: "NanoCpus",
};

/** Whether the value just seen, being true or false, is the answer. */
const LAZY: Readonly<Record<string, (truth: boolean) => boolean>> = {
  and: (truth) => !truth,
  or: (truth) => truth,
};

const FUNCTIONS: Readonly<Record<string, (...values: unknown[]) => unknown>> = {
  json: (value) => JSON.stringify(value) ?? "null",
  join: (list, separator) =>
    entriesOf(list)
      .map(([, value]) => textOf(value))
      .join(textOf(separator)),
  split: (text, separator) => textOf(text).split(textOf(separator)),
  upper: (text) => textOf(text).toUpperCase(),
  lower: (text) => textOf(text).toLowerCase(),
  title: (text) => textOf(text).replace(/\b\w/g, (letter) => letter.toUpperCase()),
  truncate: (text, length) => textOf(text).slice(0, Number(length)),
  pad: (text, before, after) => `${" ".repeat(Number(before))}${textOf(text)}${" ".repeat(Number(after))}`,
  println: (...values) => `${values.map(textOf).join(" ")}\n`,
  print: (...values) => values.map(textOf).join(""),
  printf: (format, ...values) => printf(textOf(format), values, textOf),
  html: (text) => textOf(text).replace(/[<>&'"]/g, (sign) => `&${HTML[sign] ?? ""};`),
  js: (text) => textOf(text).replace(/[\\'"<>&=]/g, (sign) => JS[sign] ?? `\\${sign}`),
  urlquery: (text) => encodeURIComponent(textOf(text)).replaceAll("%20", "+"),
  len: (value) => {
    if (value === null || value === undefined) throw new CallFailed("len of nil pointer");
    if (typeof value === "string") return Buffer.byteLength(value);
    if (typeof value !== "object") throw new CallFailed(`len of type ${typeof value}`);
    return entriesOf(value).length;
  },
  index: (value, ...keys) => keys.reduce(elementAt, value),
  slice: (value, from, to) =>
    (value as string | unknown[]).slice(Number(from), to === undefined ? undefined : Number(to)),
  eq: (value, ...others) => others.some((other) => value === other),
  ne: (value, other) => value !== other,
  lt: (a, b) => (a as number) < (b as number),
  le: (a, b) => (a as number) <= (b as number),
  gt: (a, b) => (a as number) > (b as number),
  ge: (a, b) => (a as number) >= (b as number),
  not: (value) => !isTrue(value),
};

const HTML: Readonly<Record<string, string>> = { "<": "lt", ">": "gt", "&": "amp", "'": "#39", '"': "#34" };
const JS: Readonly<Record<string, string>> = {
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};

/** A key that is not there is an empty value, as in Go's map[string]string, which labels are. */
function elementAt(value: unknown, key: unknown): unknown {
  if (value === null || value === undefined) throw new CallFailed("index of untyped nil");
  if (typeof value !== "object") throw new CallFailed(`can't index item of type ${typeof value}`);
  if (!Array.isArray(value))
    return Object.hasOwn(value, textOf(key)) ? (value as Record<string, unknown>)[textOf(key)] : ""; // it has the key
  if (typeof key !== "number" || key < 0 || key >= value.length)
    throw new CallFailed(`index out of range: ${textOf(key)}`);
  return value[key];
}

function isFunction(name: string): boolean {
  return Object.hasOwn(LAZY, name) || Object.hasOwn(FUNCTIONS, name);
}

/** As Go has it: what is empty is false. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** By index, or by key in order. */
function entriesOf(value: unknown): [string | number, unknown][] {
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** As Go's fmt prints it. */
function textOf(value: unknown): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(textOf).join(" ")}]`;
  if (typeof value === "object")
    return `map[${entriesOf(value)
      .map(([key, element]) => `${key}:${textOf(element)}`)
      .join(" ")}]`;
  return String(value);
}
