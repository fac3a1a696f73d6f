/**
 * One line of JSON for each request. Lines are gathered and written together, without holding anybody up; whoever reads too
 * slowly loses lines, and is told how many.
 */
import { write } from "node:fs";
import { promisify } from "node:util";

/** What is said of a request. */
export interface AccessRecord {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  /** Of the answer's body, as announced. */
  readonly bytes: number;
  /** Who it was, if anybody in particular. */
  readonly caller: string;
  readonly remote: string;
  readonly userAgent: string;
}

const MAX_GATHERED_BYTES = 1 << 20;

/** Writes to a descriptor that somebody else opened and closes. */
export class AccessLog {
  readonly #descriptor: number;
  #gathered = "";
  #lost = 0;
  #writing: Promise<void> | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  add(record: AccessRecord): void {
    if (this.#gathered.length > MAX_GATHERED_BYTES) {
      this.#lost += 1;
      return;
    }
    const time = new Date().toISOString();
    this.#gathered += `${JSON.stringify({ time, level: "info", msg: "request", ...record })}\n`;
    this.#writing ??= this.#write();
  }

  /** Waits until everything is written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve)); // what comes in this turn goes together
    while (this.#gathered !== "") {
      let bytes = Buffer.from(this.#gathered);
      this.#gathered = "";
      try {
        while (bytes.length > 0)
          bytes = bytes.subarray((await promisify(write)(this.#descriptor, bytes)).bytesWritten);
      } catch (error) {
        // A pipe that is full takes more later; one that nobody reads takes nothing ever.
        if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) break;
        this.#gathered = bytes.toString() + this.#gathered;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (this.#lost === 0) continue;
      this.#gathered += `${JSON.stringify({ level: "warn", msg: "requests not logged", count: this.#lost })}\n`;
      this.#lost = 0;
    }
    this.#writing = undefined;
  }
}
