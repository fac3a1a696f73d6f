/** Reads what passes, from the beginning or from now on, and goes along when a new file is begun. See passing-events.ts. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { type PassingEvent, passingPaths } from "./passing-events.ts";
import type { Records } from "./store.ts";

const NEW_LINE = 0x0a;

/** Where a reader is. It keeps a file open. */
export class PassingTail implements Disposable {
  readonly #paths: ReturnType<typeof passingPaths>;
  #file: number | undefined;
  #offset = 0;

  /** @param skips  Whether what has been told already is passed over. */
  constructor(store: Pick<Records, "paths">, skips: boolean) {
    this.#paths = passingPaths(store);
    const { now, before } = this.#paths;
    if (!skips && existsSync(before)) this.#file = openSync(before, "r");
    if (!skips || !existsSync(now)) return;
    this.#file = openSync(now, "r");
    this.#offset = fstatSync(this.#file).size;
  }

  /** What was told since the last time. */
  read(): PassingEvent[] {
    const events: PassingEvent[] = [];
    for (;;) {
      // In this order: what is written into a file that is put away meanwhile is read the next time.
      const isLast = this.#file === undefined ? false : this.#isNow(this.#file);
      if (this.#file !== undefined) events.push(...this.#rest(this.#file));
      if (isLast || !existsSync(this.#paths.now)) return events;
      this[Symbol.dispose]();
      this.#file = openSync(this.#paths.now, "r");
    }
  }

  #isNow(file: number): boolean {
    const { now } = this.#paths;
    return existsSync(now) && statSync(now).ino === fstatSync(file).ino;
  }

  #rest(file: number): PassingEvent[] {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - this.#offset));
    const whole = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, this.#offset));
    const end = whole.lastIndexOf(NEW_LINE) + 1;
    this.#offset += end;
    return whole.toString("utf8", 0, end).split("\n").flatMap(parse);
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#offset = 0;
  }
}

/** A line that was cut short, where there was no room, is none. */
function parse(line: string): PassingEvent[] {
  try {
    return line === "" ? [] : [JSON.parse(line) as PassingEvent]; // as notePassing wrote it
  } catch {
    return [];
  }
}
