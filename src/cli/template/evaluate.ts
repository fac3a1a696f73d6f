/** Evaluates templates. Source: pkg.go.dev/text/template, functions; docker's formatting reference. */
import { InvalidOption } from "../../engine/index.ts";
import { type Call, type Expression, type Node, type Pipeline, parseTemplate } from "./parse.ts";

/** Makes the text of each value. @throws {InvalidOption} when the template is wrong; when called, for a field that is not there */
export function compileTemplate(template: string): (data: unknown) => string {
  const nodes = parseTemplate(template);
  return (data) => new Evaluation(template, data).run(nodes, data);
}

type Variables = Map<string, unknown>;

class Evaluation {
  readonly #template: string;
  readonly #variables: Variables;

  constructor(template: string, data: unknown) {
    this.#template = template;
    this.#variables = new Map([["", data]]);
  }

  run(nodes: readonly Node[], dot: unknown): string {
    return nodes.map((node) => this.#node(node, dot)).join("");
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
    return entries
      .map(([key, element]) => {
        if (second !== undefined) this.#variables.set(second, element);
        if (first !== undefined) this.#variables.set(first, second === undefined ? element : key);
        return this.run(then, element);
      })
      .join("");
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
    return path.reduce<unknown>((at, name) => {
      if (typeof at === "object" && at !== null && Object.hasOwn(at, name))
        return (at as Record<string, unknown>)[name]; // it has the key
      throw this.#wrong(`map has no entry for key "${name}"`);
    }, value);
  }

  #function(name: string, values: readonly unknown[]): unknown {
    const work = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (work === undefined) throw this.#wrong(`function "${name}" not defined`);
    return work(...values);
  }

  #wrong(why: string): InvalidOption {
    return new InvalidOption({ option: "--format", value: this.#template }, `template: ${why}`);
  }
}

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
  printf: (format, ...values) => {
    let next = 0;
    return textOf(format).replace(/%(%|[svdqt])/g, (_, verb: string) => {
      if (verb === "%") return "%";
      const value = values[next++];
      return verb === "q" ? JSON.stringify(textOf(value)) : textOf(value);
    });
  },
  len: (value) => (typeof value === "string" ? value.length : entriesOf(value).length),
  index: (value, ...keys) =>
    keys.reduce((at, key) => (at as Record<string, unknown> | null | undefined)?.[textOf(key)], value),
  slice: (value, from, to) =>
    (value as string | unknown[]).slice(Number(from), to === undefined ? undefined : Number(to)),
  eq: (value, ...others) => others.some((other) => value === other),
  ne: (value, other) => value !== other,
  lt: (a, b) => (a as number) < (b as number),
  le: (a, b) => (a as number) <= (b as number),
  gt: (a, b) => (a as number) > (b as number),
  ge: (a, b) => (a as number) >= (b as number),
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  not: (value) => !isTrue(value),
};

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
  if (value === null || value === undefined) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(textOf).join(" ")}]`;
  if (typeof value === "object")
    return `map[${entriesOf(value)
      .map(([key, element]) => `${key}:${textOf(element)}`)
      .join(" ")}]`;
  return String(value);
}
