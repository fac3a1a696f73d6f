/**
 * Reads what a container has written, from its log: the rotated files first, then the present one, and with `follow` what is added
 * until the container has ended. Nothing is asked of the monitor; memory is bounded by one piece of a file, and by `last` entries.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { type LogEntry, parseLogEntry } from "./entry.ts";

/** Which entries. Times as in the log: they compare as text. */
export interface LogRange {
  readonly since?: string;
  readonly until?: string;
  /** Only the last so many lines of what is there. */
  readonly last?: number;
  readonly follow: boolean;
}

const PIECE_BYTES = 64 << 10;
const NEW_LINE = 0x0a;

/** The entries of the log in `directory`; the next one is read when this one has been dealt with. */
export async function* readLog(
  directory: HostPath,
  range: LogRange,
  signal?: AbortSignal,
): AsyncGenerator<LogEntry> {
  const files = logFiles(directory);
  const reader = new LogReader();
  const isWanted = ({ time }: LogEntry) =>
    (range.since === undefined || time >= range.since) && (range.until === undefined || time < range.until);
  const there = function* (): Generator<LogEntry> {
    for (const file of files.slice(0, -1)) yield* reader.readTo(file, "end");
    const present = files.at(-1);
    if (present !== undefined) yield* reader.readTo(present, "stay");
  };
  yield* lastOf(filtered(there(), isWanted), range.last);
  if (range.follow) yield* filteredLater(followed(directory, reader, signal), isWanted);
  reader.close();
}

/** Oldest first; the present one is `log`. */
function logFiles(directory: HostPath): string[] {
  const files: string[] = [];
  for (let number = 1; existsSync(join(directory, `log.${number}`)); number++)
    files.unshift(join(directory, `log.${number}`));
  const present = join(directory, "log");
  return existsSync(present) ? [...files, present] : files;
}

function* filtered(entries: Iterable<LogEntry>, test: (entry: LogEntry) => boolean): Generator<LogEntry> {
  for (const entry of entries) if (test(entry)) yield entry;
}

async function* filteredLater(
  entries: AsyncIterable<LogEntry>,
  test: (entry: LogEntry) => boolean,
): AsyncGenerator<LogEntry> {
  for await (const entry of entries) if (test(entry)) yield entry;
}

/** The last `lines` lines; a line may be several entries. */
function* lastOf(entries: Iterable<LogEntry>, lines: number | undefined): Generator<LogEntry> {
  if (lines === undefined) {
    yield* entries;
    return;
  }
  const kept: LogEntry[][] = [[]];
  for (const entry of entries) {
    kept.at(-1)?.push({ ...entry, content: entry.content.slice() });
    if (entry.isWhole) kept.push([]);
    // The last is the line that has not ended yet; it counts as one when it holds anything.
    while (kept.length > lines + 1) kept.shift();
  }
  const ended = kept.filter((line) => line.length > 0);
  for (const line of lines === 0 ? [] : ended.slice(-lines)) yield* line;
}

/** What is added to the log, until the exit record is there and all before it has been read. */
async function* followed(
  directory: HostPath,
  reader: LogReader,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogEntry> {
  const changes = new Changes(directory, signal);
  try {
    for (;;) {
      const hasEnded = existsSync(join(directory, "exit")) || !existsSync(directory);
      yield* reader.readRest();
      // Renamed since: what was added to it has been read, and the new one begins.
      const present = join(directory, "log");
      if (reader.hasMoved(present)) {
        yield* reader.readTo(present, "stay");
        continue;
      }
      if (hasEnded || signal?.aborted) return;
      await changes.next();
    }
  } finally {
    changes.close();
  }
}

/** Wakes who waits when something in a directory has changed since the last time. */
class Changes {
  readonly #watcher: ReturnType<typeof watch>;
  #hasChanged = false;
  #wake: (() => void) | undefined;

  constructor(directory: HostPath, signal: AbortSignal | undefined) {
    const note = () => {
      this.#hasChanged = true;
      this.#wake?.();
    };
    this.#watcher = watch(directory, note);
    signal?.addEventListener("abort", note, { once: true });
  }

  async next(): Promise<void> {
    if (!this.#hasChanged)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#hasChanged = false;
  }

  close(): void {
    this.#watcher.close();
  }
}

/** Cuts files into entries, one file after the other; the last one stays open for what is added. */
class LogReader {
  #file = -1;
  #rest: Uint8Array = new Uint8Array();
  readonly #piece = new Uint8Array(PIECE_BYTES);

  *readTo(path: string, then: "end" | "stay"): Generator<LogEntry> {
    this.close();
    this.#file = openSync(path, "r");
    yield* this.readRest();
    if (then === "end") this.close();
  }

  /** What has been added to the open file. */
  *readRest(): Generator<LogEntry> {
    if (this.#file < 0) return;
    for (;;) {
      const length = readSync(this.#file, this.#piece, 0, this.#piece.length, null);
      if (length === 0) return;
      const bytes = Buffer.concat([this.#rest, this.#piece.subarray(0, length)]);
      let from = 0;
      for (let end = bytes.indexOf(NEW_LINE, from); end >= 0; end = bytes.indexOf(NEW_LINE, from)) {
        const entry = parseLogEntry(bytes.subarray(from, end));
        if (entry !== undefined) yield entry;
        from = end + 1;
      }
      this.#rest = bytes.subarray(from);
    }
  }

  /** Whether `path` is another file than the open one. */
  hasMoved(path: string): boolean {
    const present = statSync(path, { throwIfNoEntry: false });
    if (present === undefined) return false;
    return this.#file < 0 || fstatSync(this.#file).ino !== present.ino;
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
    this.#rest = new Uint8Array();
  }
}
