/** What a file says, read again when it has changed; looked at once a second at most. */
import { readFile, stat } from "node:fs/promises";

const LOOK_AGAIN_MS = 1_000;

/** One file, parsed. */
export class WatchedFile<T> {
  readonly path: string;
  readonly #parse: (text: string, path: string) => T | Promise<T>;
  readonly #now: () => number;
  #value: T | undefined;
  #version = "";
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(
    path: string,
    parse: (text: string, path: string) => T | Promise<T>,
    now: () => number = Date.now,
  ) {
    this.path = path;
    this.#parse = parse;
    this.#now = now;
  }

  /** What it says now. A change that cannot be read or parsed is an error each time: the old text is not trusted on. */
  async read(): Promise<T> {
    const now = this.#now();
    if (this.#value !== undefined && now - this.#lookedAt < LOOK_AGAIN_MS) return this.#value;
    const { mtimeMs, size, ino } = await stat(this.path);
    const version = `${ino} ${mtimeMs} ${size}`;
    if (this.#value === undefined || version !== this.#version) {
      this.#value = undefined;
      this.#value = await this.#parse(await readFile(this.path, "utf8"), this.path);
      this.#version = version;
    }
    this.#lookedAt = now;
    return this.#value;
  }
}
