/**
 * Reads what a container has written, from its log: the rotated files first, then the present one, and with `follow` what is added
 * until the container has ended. Nothing is asked of the monitor; memory is bounded by one piece of a file, and by `last` entries.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync, watch } from "node:fs";
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
  using reader = new LogReader(directory);
  const isWanted = ({ time }: LogEntry) =>
    (range.since === undefined || time >= range.since) && (range.until === undefined || time < range.until);
  yield* lastOf(filtered(reader.readOn(), isWanted), range.last);
  if (range.follow) yield* filteredLater(followed(directory, reader, signal), isWanted);
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
export function* lastOf(entries: Iterable<LogEntry>, lines: number | undefined): Generator<LogEntry> {
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
      yield* reader.readOn();
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

/** A file of the log: names change when the monitor begins a new one, the file itself stays. */
interface LogFile {
  readonly path: string;
  readonly inode: number;
}

/** The files of the log, oldest first; looked at again while the monitor renames them. */
function logFiles(directory: HostPath): readonly LogFile[] {
  for (let before = listFiles(directory); ; ) {
    const now = listFiles(directory);
    if (Bun.deepEquals(before, now)) return now;
    before = now;
  }
}

/** `log` is the present one, `log.1` the one before it. A directory that is gone has none. */
function listFiles(directory: HostPath): LogFile[] {
  const numbers = (ifThere(() => readdirSync(directory)) ?? []).flatMap((name) => {
    const [, number] = /^log(?:\.(\d+))?$/.exec(name) ?? [undefined, undefined];
    return name === "log" ? [0] : number === undefined ? [] : [Number(number)];
  });
  return numbers
    .sort((a, b) => b - a)
    .flatMap((number) => {
      const path = join(directory, number === 0 ? "log" : `log.${number}`);
      const found = statSync(path, { throwIfNoEntry: false });
      return found === undefined ? [] : [{ path, inode: found.ino }];
    });
}

/** What `look` finds, if what it looks at is there. */
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
}

/** Cuts the log's files into entries, one file after the other; the last one stays open for what is added. */
class LogReader implements Disposable {
  readonly #directory: HostPath;
  #file = -1;
  #rest: Uint8Array = new Uint8Array();
  readonly #piece = new Uint8Array(PIECE_BYTES);

  constructor(directory: HostPath) {
    this.#directory = directory;
  }

  /** What has been added since the last time. */
  *readOn(): Generator<LogEntry> {
    for (;;) {
      yield* this.#readRest();
      const next = this.#nextFile();
      if (next === undefined) return;
      // Written between the end that was just seen and the renaming; nothing is added to a file that has another after it.
      yield* this.#readRest();
      this.#open(next);
    }
  }

  [Symbol.dispose](): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }

  *#readRest(): Generator<LogEntry> {
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

  /** The file after the open one; the oldest, where none is open or the open one is no longer kept. */
  #nextFile(): LogFile | undefined {
    const inode = this.#file < 0 ? undefined : fstatSync(this.#file).ino;
    const files = logFiles(this.#directory);
    return files[files.findIndex((file) => file.inode === inode) + 1];
  }

  /** Opens `next`; where it has another name by now, the open file stays. */
  #open(next: LogFile): void {
    const file = ifThere(() => openSync(next.path, "r"));
    if (file === undefined) return;
    const isNext = fstatSync(file).ino === next.inode;
    if (isNext && this.#file >= 0) closeSync(this.#file);
    if (isNext) [this.#file, this.#rest] = [file, new Uint8Array()];
    else closeSync(file);
  }
}
