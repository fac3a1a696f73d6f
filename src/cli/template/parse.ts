/**
 * Templates of `--format`: the part of Go's text/template that people write. Parsed to a tree; what is wrong is told with its place.
 * Source: pkg.go.dev/text/template; docker's formatting reference.
 */
import { InvalidOption } from "../../engine/index.ts";

/** A step of a pipeline: a value, or a function or field that is called with arguments. */
export type Expression =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  /** `.A.B`, on the value at hand; empty: the value itself. */
  | { readonly kind: "field"; readonly path: readonly string[] }
  /** `$x.A`; the name is without the dollar: empty for `$`, the whole. */
  | { readonly kind: "variable"; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline; readonly path: readonly string[] };

/** One call; the value of the step before comes as the last argument. */
export type Call = readonly [Expression, ...Expression[]];

export interface Pipeline {
  /** Variables that it sets, without dollars; two for a range: index and element. */
  readonly sets: readonly string[];
  readonly calls: readonly Call[];
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipeline: Pipeline }
  /** To the end of this round of the range that it is in, or (`break`) of the last one. */
  | { readonly kind: "jump"; readonly isLast: boolean }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pipeline: Pipeline;
      readonly then: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/**
 * Parses a template.
 * @param isFunction  Which words are functions.
 * @throws {InvalidOption} in docker's words: template parsing error
 */
export function parseTemplate(text: string, isFunction: (name: string) => boolean): readonly Node[] {
  const parser = new Parser(text, isFunction);
  const nodes = parser.nodes();
  parser.requireEnd();
  return nodes;
}

/** An action without its braces, or text between actions. */
type Piece = { readonly kind: "text" | "action"; readonly text: string };

class Parser {
  readonly #template: string;
  readonly #pieces: readonly Piece[];
  readonly #isFunction: (name: string) => boolean;
  #at = 0;
  /** How many ranges are open. */
  #ranges = 0;

  constructor(template: string, isFunction: (name: string) => boolean) {
    this.#template = template;
    this.#isFunction = isFunction;
    this.#pieces = this.#split(template);
  }

  /** Nodes up to an `end` or `else` that is not theirs, which stays. */
  nodes(): Node[] {
    const found: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined) return found;
      if (piece.kind === "text") {
        this.#at++;
        if (piece.text !== "") found.push({ kind: "text", text: piece.text });
        continue;
      }
      const [, word = ""] = /^([a-z]+)\b/.exec(piece.text) ?? [];
      if (word === "end" || word === "else") return found;
      this.#at++;
      if (/^\/\*[\s\S]*\*\/$/.test(piece.text)) continue;
      if ((piece.text === "break" || piece.text === "continue") && this.#ranges > 0)
        found.push({ kind: "jump", isLast: piece.text === "break" });
      else if (word === "if" || word === "with" || word === "range")
        found.push(this.#block(word, piece.text.slice(word.length)));
      else found.push({ kind: "print", pipeline: this.#pipeline(piece.text) });
    }
  }

  requireEnd(): void {
    const piece = this.#pieces[this.#at];
    if (piece !== undefined) throw this.#wrong(`unexpected {{${piece.text}}}`);
  }

  #block(kind: "if" | "with" | "range", condition: string): Node {
    const pipeline = this.#pipeline(condition);
    if (kind === "range") this.#ranges++;
    const then = this.nodes();
    if (kind === "range") this.#ranges--;
    const next = this.#take();
    if (next === "end") return { kind, pipeline, then, otherwise: [] };
    const [, nested, rest = ""] = /^else\s+(if|with)\b(.*)$/s.exec(next) ?? [];
    if (nested === "if" || nested === "with")
      return { kind, pipeline, then, otherwise: [this.#block(nested, rest)] };
    if (next !== "else") throw this.#wrong(`unexpected {{${next}}}`);
    const otherwise = this.nodes();
    if (this.#take() !== "end") throw this.#wrong("two {{else}} in one block");
    return { kind, pipeline, then, otherwise };
  }

  #take(): string {
    const piece = this.#pieces[this.#at++];
    if (piece === undefined) throw this.#wrong("unexpected EOF: an {{end}} is missing");
    return piece.text;
  }

  #split(template: string): Piece[] {
    const pieces: Piece[] = [];
    let trimsNext = false;
    for (let at = 0; at <= template.length; ) {
      const open = template.indexOf("{{", at);
      let text = template.slice(at, open < 0 ? template.length : open);
      if (trimsNext) text = text.trimStart();
      if (open < 0) {
        pieces.push({ kind: "text", text });
        break;
      }
      const close = endOfAction(template, open + 2);
      if (close < 0) throw this.#wrong("unclosed action");
      let action = template.slice(open + 2, close);
      if (/^-\s/.test(action)) {
        text = text.trimEnd();
        action = action.slice(1);
      }
      trimsNext = /\s-$/.test(action);
      if (trimsNext) action = action.slice(0, -1);
      pieces.push({ kind: "text", text }, { kind: "action", text: action.trim() });
      at = close + 2;
    }
    return pieces;
  }

  #pipeline(text: string): Pipeline {
    const tokens = this.#tokens(text);
    const pipeline = this.#pipelineOf(tokens);
    const [extra] = tokens;
    if (extra !== undefined) throw this.#wrong(`unexpected ${JSON.stringify(extra)} in {{${text.trim()}}}`);
    return pipeline;
  }

  /** Takes its tokens from the front of `tokens`. */
  #pipelineOf(tokens: string[]): Pipeline {
    const sets: string[] = [];
    const [first, second, third] = tokens;
    if (first?.startsWith("$") && (second === ":=" || second === "=")) {
      sets.push(first.slice(1));
      tokens.splice(0, 2);
    } else if (first?.startsWith("$") && second === "," && third?.startsWith("$") && tokens[3] === ":=") {
      sets.push(first.slice(1), third.slice(1));
      tokens.splice(0, 4);
    }
    const calls: Call[] = [];
    for (;;) {
      calls.push(this.#call(tokens));
      if (tokens[0] !== "|") return { sets, calls };
      tokens.shift();
    }
  }

  #call(tokens: string[]): Call {
    const expressions: Expression[] = [];
    while (tokens[0] !== undefined && tokens[0] !== "|" && tokens[0] !== ")")
      expressions.push(this.#expression(tokens));
    const [first, ...rest] = expressions;
    if (first === undefined) throw this.#wrong("missing value for command");
    return [first, ...rest];
  }

  #expression(tokens: string[]): Expression {
    const token = tokens.shift() ?? "";
    if (token === "(") {
      const pipeline = this.#pipelineOf(tokens);
      if (tokens.shift() !== ")") throw this.#wrong("unclosed left paren");
      const path = tokens[0]?.startsWith(".") ? pathOf(tokens.shift() ?? "") : [];
      return { kind: "pipeline", pipeline, path };
    }
    if (token.startsWith('"') || token.startsWith("`"))
      return { kind: "literal", value: this.#string(token) };
    if (/^[+-]?\d/.test(token)) return { kind: "literal", value: Number(token) };
    if (token === "true" || token === "false") return { kind: "literal", value: token === "true" };
    if (token === "nil") return { kind: "literal", value: null };
    if (token.startsWith("$")) {
      const [name = "", ...path] = token.slice(1).split(".");
      return { kind: "variable", name, path };
    }
    if (token.startsWith(".")) return { kind: "field", path: pathOf(token) };
    if (/^[A-Za-z_]\w*$/.test(token)) {
      if (!this.#isFunction(token)) throw this.#wrong(`function "${token}" not defined`);
      return { kind: "function", name: token };
    }
    throw this.#wrong(`unexpected ${JSON.stringify(token)} in operand`);
  }

  #string(token: string): string {
    if (token.startsWith("`")) return token.slice(1, -1);
    try {
      return JSON.parse(token) as string; // Go's escapes that people write are JSON's
    } catch {
      throw this.#wrong(`invalid string ${token}`);
    }
  }

  #tokens(text: string): string[] {
    const pattern =
      /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|:=|[=,|()]|\$[\w.]*|\.[\w.]*|[+-]?\d[\w.]*|[A-Za-z_]\w*)/gy;
    const tokens: string[] = [];
    let end = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      tokens.push(match[1] ?? "");
      end = pattern.lastIndex;
    }
    const rest = text.slice(end).trim();
    if (rest !== "") throw this.#wrong(`unexpected ${JSON.stringify(rest[0])} in {{${text.trim()}}}`);
    return tokens;
  }

  #wrong(why: string): InvalidOption {
    return new InvalidOption(
      { option: "--format", value: this.#template },
      `template parsing error: template: ${why}`,
    );
  }
}

/** Where the braces close; those within strings do not. */
function endOfAction(template: string, from: number): number {
  for (let at = from; at < template.length; at++) {
    const character = template[at];
    if (character === '"' || character === "`") {
      for (at++; at < template.length && template[at] !== character; at++)
        if (character === '"' && template[at] === "\\") at++;
    } else if (template.startsWith("}}", at)) return at;
  }
  return -1;
}

function pathOf(token: string): string[] {
  return token.split(".").filter((name) => name !== "");
}
