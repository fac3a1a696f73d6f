/**
 * YAML as people write lists of images in it, read so that every value keeps its line and its spelling: the tag 1.10 is not the number 1.1, and
 * a key that stands twice is an error. Maps and lists in blocks and in brackets, quotes, comments, anchors; no texts over several lines, tags or merge keys.
 * Source: YAML 1.2.2.
 */

/** A value. Lines count from 1. */
export type Node =
  | { readonly kind: "text"; readonly line: number; readonly text: string; readonly isQuoted: boolean }
  | { readonly kind: "list"; readonly line: number; readonly items: readonly Node[] }
  | { readonly kind: "map"; readonly line: number; readonly entries: readonly Entry[] }
  | { readonly kind: "nothing"; readonly line: number };

/** One key of a map. */
export interface Entry {
  readonly key: string;
  readonly line: number;
  readonly value: Node;
}

/** Ends the reading; who called says of which file. */
export type Refuse = (line: number, reason: string) => never;

/** Parses one document. */
export function parseYAML(text: string, refuse: Refuse): Node {
  return new Parser(text.replace(/^\uFEFF/, "").replaceAll(/\r\n?/g, "\n"), refuse).document();
}

const MAX_DEPTH = 32;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  "0": "\0",
  n: "\n",
  r: "\r",
  t: "\t",
};

class Parser {
  readonly #text: string;
  readonly #refuse: Refuse;
  readonly #anchors = new Map<string, Node>();
  #at = 0;
  #line = 1;
  #lineStart = 0;
  #depth = 0;

  constructor(text: string, refuse: Refuse) {
    this.#text = text;
    this.#refuse = refuse;
  }

  document(): Node {
    this.#skip();
    if (/^---(?=\s|$)/.test(this.#rest(4))) {
      this.#at += 3;
      this.#skip();
    }
    const node = this.#block(0, undefined);
    this.#skip();
    if (/^\.\.\.(?=\s|$)/.test(this.#rest(4))) {
      this.#at += 3;
      this.#skip();
    }
    if (this.#at < this.#text.length)
      this.#fail(
        /^---(?=\s|$)/.test(this.#rest(4))
          ? "a second document begins; there may be one"
          : "this does not belong to what is above it: its indentation fits nothing, or its text goes on over lines",
      );
    return node;
  }

  /** A node whose lines begin at column `least` or later. @param keyLine  The line of its key, on which no other key may stand. */
  #block(least: number, keyLine: number | undefined): Node {
    this.#skip();
    const column = this.#column();
    if (this.#at >= this.#text.length || column < least || this.#isMark()) return this.#nothing();
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#fail(`more than ${MAX_DEPTH} levels`);
    const node = this.#isDash() ? this.#list(column, keyLine) : this.#mapOrFlow(least, column, keyLine);
    this.#depth -= 1;
    return node;
  }

  #list(column: number, keyLine: number | undefined): Node {
    const { line } = this.#here();
    if (keyLine === line) this.#fail("a list begins on its key's line; it begins on the next");
    const items: Node[] = [];
    while (this.#column() === column && this.#isDash()) {
      this.#at += 1;
      items.push(this.#below(column + 1));
      this.#skip();
    }
    return { kind: "list", line, items };
  }

  /** What follows a dash: on its line, or below it. */
  #below(least: number): Node {
    const line = this.#line;
    const node = this.#block(least, undefined);
    return node.kind === "nothing" ? { kind: "nothing", line } : node;
  }

  #mapOrFlow(least: number, column: number, keyLine: number | undefined): Node {
    const { line } = this.#here();
    const anchor = this.#anchor();
    if (anchor !== undefined) {
      const node = this.#block(least, this.#isLineEnd() ? undefined : keyLine);
      this.#anchors.set(anchor, node);
      return node;
    }
    const first = this.#flow(false);
    this.#spaces();
    if (!this.#isColon()) {
      this.#endOfLine();
      return first;
    }
    if (keyLine === line) this.#fail("a second key on this line; a text that holds a colon stands in quotes");
    return this.#map(column, first);
  }

  #map(column: number, first: Node): Node {
    const entries: Entry[] = [];
    let key = first;
    for (;;) {
      const { line } = key;
      const name = this.#nameOf(key, entries);
      if (!this.#isColon()) this.#fail(`a colon is missing after ${JSON.stringify(name)}`);
      this.#at += 1;
      this.#spaces();
      entries.push({ key: name, line, value: this.#valueOf(column, line) });
      this.#skip();
      if (this.#at >= this.#text.length || this.#column() !== column || this.#isMark() || this.#isDash())
        return { kind: "map", line: first.line, entries };
      key = this.#flow(false);
      this.#spaces();
    }
  }

  #valueOf(column: number, line: number): Node {
    if (!this.#isLineEnd()) return this.#block(column + 1, line);
    this.#skip();
    // A list may stand as far left as its key.
    const least = this.#column() === column && this.#isDash() ? column : column + 1;
    const node = this.#block(least, undefined);
    return node.kind === "nothing" ? { kind: "nothing", line } : node;
  }

  #nameOf(key: Node, entries: readonly Entry[]): string {
    if (key.kind !== "text") return this.#refuse(key.line, "a key that is no text");
    const same = entries.find((entry) => entry.key === key.text);
    if (same !== undefined)
      this.#refuse(key.line, `${JSON.stringify(key.text)} is there already, on line ${same.line}`);
    return key.text;
  }

  /** A text, an alias, or a list or map in brackets. */
  #flow(isInside: boolean): Node {
    const line = this.#line;
    const char = this.#text[this.#at] ?? "";
    if (char === "[" || char === "{") return this.#brackets(char);
    if (char === '"' || char === "'")
      return { kind: "text", line, text: char === '"' ? this.#double() : this.#single(), isQuoted: true };
    if (char === "*") {
      const [, name = ""] = /^\*([^\s,\][{}]*)/.exec(this.#rest(200)) ?? [];
      const node = this.#anchors.get(name);
      if (node === undefined) return this.#fail(`no anchor ${JSON.stringify(name)} stands above`);
      this.#at += 1 + name.length;
      return node;
    }
    if (/[|>!%@`]/.test(char)) this.#fail(`${char} begins what is not read here; put the text in quotes`);
    if (/^\?(\s|$)/.test(this.#rest(2))) this.#fail("keys with a question mark are not read here");
    const end = isInside ? /(?:: |:$|:(?=[,\][{}])| #|[,\][{}\n])/gm : /(?:: |:$| #|\n)/gm;
    end.lastIndex = this.#at;
    const found = end.exec(this.#text);
    const text = this.#text.slice(this.#at, found?.index).trimEnd();
    if (text === "") this.#fail(char === "\t" ? "a tab; YAML wants spaces" : "something is missing here");
    this.#at += text.length;
    return /^(?:~|null|Null|NULL)$/.test(text)
      ? { kind: "nothing", line }
      : { kind: "text", line, text, isQuoted: false };
  }

  #brackets(open: "[" | "{"): Node {
    const { line } = this.#here();
    const close = open === "[" ? "]" : "}";
    const items: Node[] = [];
    const entries: Entry[] = [];
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#fail(`more than ${MAX_DEPTH} levels`);
    for (;;) {
      this.#skip();
      if (this.#at >= this.#text.length) this.#refuse(line, `${open} is never closed`);
      if (this.#text[this.#at] === close) break;
      const node = this.#flow(true);
      this.#skip();
      if (open === "[") items.push(node);
      else {
        const key = this.#nameOf(node, entries);
        let value = this.#nothing();
        if (this.#text[this.#at] === ":") {
          this.#at += 1;
          this.#skip();
          if (!/[,}]/.test(this.#text[this.#at] ?? "")) value = this.#flow(true);
        }
        entries.push({ key, line: node.line, value });
      }
      this.#skip();
      const next = this.#text[this.#at];
      if (next === ",") this.#at += 1;
      else if (next !== close && next !== undefined) this.#fail(`wants a comma or ${close}`);
    }
    this.#at += 1;
    this.#depth -= 1;
    return open === "[" ? { kind: "list", line, items } : { kind: "map", line, entries };
  }

  #double(): string {
    let text = "";
    for (this.#at += 1; ; this.#at += 1) {
      const char = this.#text[this.#at];
      if (char === undefined || char === "\n") return this.#fail('a " is missing at the end of the text');
      if (char === '"') break;
      if (char !== "\\") {
        text += char;
        continue;
      }
      this.#at += 1;
      const [code] = /^(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})/.exec(this.#rest(5)) ?? [];
      const plain = ESCAPES[this.#text[this.#at] ?? ""];
      if (code === undefined && plain === undefined) this.#fail("an unknown escape in quotes");
      text += code === undefined ? plain : String.fromCharCode(Number.parseInt(code.slice(1), 16));
      this.#at += (code?.length ?? 1) - 1;
    }
    this.#at += 1;
    return text;
  }

  #single(): string {
    const [whole, text] = /^'((?:[^'\n]|'')*)'/.exec(this.#text.slice(this.#at)) ?? [];
    if (whole === undefined || text === undefined) return this.#fail("a ' is missing at the end of the text");
    this.#at += whole.length;
    return text.replaceAll("''", "'");
  }

  #anchor(): string | undefined {
    const [whole, name] = /^&([^\s,\][{}]+)[ ]*/.exec(this.#rest(200)) ?? [];
    this.#at += whole?.length ?? 0;
    return name;
  }

  #isDash(): boolean {
    return /^-(?:\s|$)/.test(this.#rest(2));
  }

  #isColon(): boolean {
    return /^:(?:\s|$)/.test(this.#rest(2));
  }

  /** Of documents: `---`, `...`. */
  #isMark(): boolean {
    return this.#column() === 0 && /^(?:---|\.\.\.)(?:\s|$)/.test(this.#rest(4));
  }

  #isLineEnd(): boolean {
    return /^[ \t]*(?:$|\n|#)/.test(
      this.#text.slice(this.#at, this.#text.indexOf("\n", this.#at) + 1 || undefined),
    );
  }

  #endOfLine(): void {
    if (!this.#isLineEnd()) this.#fail(`cannot follow what is before it: ${JSON.stringify(this.#rest(20))}`);
  }

  #spaces(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at += 1;
  }

  /** To what comes next, over lines and comments. */
  #skip(): void {
    for (;;) {
      while (this.#text[this.#at] === " ") this.#at += 1;
      const char = this.#text[this.#at];
      if (char === "\t") {
        if (this.#text.slice(this.#lineStart, this.#at).trim() === "" && !this.#isLineEnd())
          this.#fail("a tab stands in the indentation; YAML wants spaces");
        this.#at += 1;
      } else if (char === "#") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (char === "\n") {
        this.#at += 1;
        this.#line += 1;
        this.#lineStart = this.#at;
      } else return;
    }
  }

  #column(): number {
    return this.#at - this.#lineStart;
  }

  #rest(length: number): string {
    return this.#text.slice(this.#at, this.#at + length);
  }

  #here(): { line: number } {
    return { line: this.#line };
  }

  #nothing(): Node {
    return { kind: "nothing", line: this.#line };
  }

  #fail(reason: string): never {
    return this.#refuse(this.#line, reason);
  }
}
