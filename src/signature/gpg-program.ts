/**
 * The program gpg: what it is told, what it says on its status descriptor, and what it writes, which is bounded. It starts no agent by itself and asks no key server
 * unless who calls it wants that. Source: GnuPG doc/DETAILS, Format of the --status-fd output.
 */
import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { Unsupported } from "../base/index.ts";

/** How it is run. */
export interface GPGRun {
  readonly words: readonly string[];
  /** On its standard input. */
  readonly input: Uint8Array;
  /** All of its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** On descriptor 4, for `--passphrase-fd`. */
  readonly secret?: Uint8Array | undefined;
  /** What cannot be done without it, for the error. */
  readonly purpose: string;
}

/** What it said. */
export interface GPGAnswer {
  /** Null: a signal has ended it. */
  readonly code: number | null;
  /** The lines of `--status-fd`, in words. */
  readonly status: readonly (readonly string[])[];
  readonly output: Uint8Array;
}

/** Not one of the project's, so it may be missing. */
const PROGRAM = "gpg";
const FLAGS = ["--batch", "--no-tty", ...["--status-fd", "3"]];
/** A payload has some 300 bytes; a message may be packed, and unpack to any length. */
const MAX_OUTPUT_BYTES = 256 << 10;
const STATUS = "[GNUPG:] ";

/** Runs it to its end. @throws {Unsupported} it is not here @throws {RangeError} it writes too much */
export async function runGPG(run: GPGRun, signal?: AbortSignal): Promise<GPGAnswer> {
  const child = spawn(PROGRAM, [...FLAGS, ...run.words], {
    env: { ...run.environment, LC_ALL: "C" },
    stdio: ["pipe", "pipe", "ignore", "pipe", run.secret === undefined ? "ignore" : "pipe"],
    ...(signal !== undefined && { signal }),
    killSignal: "SIGKILL",
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", (error) => reject(isMissing(error) ? noGPG(run.purpose) : error));
    child.on("close", resolve);
  });
  // One that ends without reading is told of by its status.
  child.stdin?.on("error", () => undefined).end(run.input);
  const secret = child.stdio[4] as Writable | null; // a pipe, as asked for above
  if (run.secret !== undefined) secret?.on("error", () => undefined).end(run.secret);
  const collect = (stream: unknown): Promise<Buffer> =>
    collected(stream as Readable | null, () => child.kill("SIGKILL")); // likewise
  const [code, output, text] = await Promise.all([ended, collect(child.stdout), collect(child.stdio[3])]);
  const status = text
    .toString("utf8")
    .split("\n")
    .filter((line) => line.startsWith(STATUS))
    .map((line) => line.slice(STATUS.length).split(" "));
  return { code, status, output };
}

/** @param stream  Null: the program is not there, which another event tells */
async function collected(stream: Readable | null, tooMuch: () => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of (stream ?? []) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_OUTPUT_BYTES) {
      tooMuch();
      throw new RangeError(`one has more than ${MAX_OUTPUT_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isMissing(error: Error): boolean {
  return "code" in error && error.code === "ENOENT";
}

function noGPG(what: string): Unsupported {
  return new Unsupported(
    { what, why: "it takes the program gpg, which is not installed" },
    { hint: "Install gnupg" },
  );
}
