/**
 * The log of a container whose lines went to the journal, read by `journalctl`: its files have forms that only systemd knows.
 * Source: systemd, JOURNAL_EXPORT_FORMATS, JSON; moby, daemon/logger/journald.
 */
import { existsSync, watch } from "node:fs";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import type { LogEntry } from "./entry.ts";
import { type LogRange, lastOf } from "./read.ts";
import { LogNotReadable, PARTIAL_FIELD } from "./sink.ts";

interface Read {
  readonly cursor: string;
  readonly entry: LogEntry;
}

const PROGRAM = "journalctl";
const PRIORITY_OF_ERRORS = "3";

/** The entries of the container `id`, in the order in which the journal got them. @param directory  Where its exit record will be. @throws {LogNotReadable} */
export async function* readJournal(
  id: string,
  directory: HostPath,
  range: LogRange,
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  const isWanted = ({ time }: LogEntry) =>
    (range.since === undefined || time >= range.since) && (range.until === undefined || time < range.until);
  let cursor: string | undefined;
  const readOn = async function* (isFollowing: boolean, end: AbortSignal): AsyncGenerator<LogEntry> {
    for await (const read of readEntries(id, cursor, isFollowing, end)) {
      cursor = read.cursor;
      if (isWanted(read.entry)) yield read.entry;
    }
  };
  await sync();
  const present = readOn(false, signal);
  if (range.last === undefined) yield* present;
  else yield* lastOf(await Array.fromAsync(present), range.last);
  if (!range.follow || signal.aborted) return;
  using ended = untilEnd(directory);
  yield* readOn(true, AbortSignal.any([signal, ended.signal]));
  // What it wrote before its end, which the journal may have told nobody of yet.
  await sync();
  if (!signal.aborted) yield* readOn(false, signal);
}

/** Has the journal put what it has received where it can be read. Only root may ask; others see it somewhat later. */
async function sync(): Promise<void> {
  await start(["--sync"], "ignore").exited;
}

/** Aborts when the container has ended, until disposed of. */
function untilEnd(directory: HostPath): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const look = () => {
    if (existsSync(join(directory, "exit")) || !existsSync(directory)) controller.abort();
  };
  const watcher = watch(directory, look);
  look();
  return { signal: controller.signal, [Symbol.dispose]: () => watcher.close() };
}

async function* readEntries(
  id: string,
  cursor: string | undefined,
  isFollowing: boolean,
  end: AbortSignal,
): AsyncGenerator<Read> {
  const from = cursor === undefined ? [] : [`--after-cursor=${cursor}`];
  const child = start(
    [
      ...["--quiet", "--all", "--no-pager", "--output=json", ...from],
      ...(isFollowing ? ["--follow", "--no-tail"] : []),
      `CONTAINER_ID_FULL=${id}`,
    ],
    "pipe",
  );
  const stop = () => child.kill();
  end.addEventListener("abort", stop, { once: true });
  if (end.aborted) stop();
  try {
    for await (const line of linesOf(child.stdout)) {
      const read = parseEntry(line);
      if (read !== undefined) yield read;
    }
    const [status, said] = await Promise.all([child.exited, child.stderr.text()]);
    if (status !== 0 && !end.aborted)
      throw new LogNotReadable(
        { driver: "journald" },
        `${PROGRAM} says: ${said.trim() || `status ${status}`}`,
      );
  } finally {
    end.removeEventListener("abort", stop);
    child.kill();
  }
}

function start<Errors extends "ignore" | "pipe">(words: readonly string[], errors: Errors) {
  const program = Bun.which(PROGRAM, { PATH: "/usr/local/bin:/usr/bin:/bin" });
  if (program === null)
    throw new LogNotReadable(
      { driver: "journald" },
      `The journal is read by ${PROGRAM}, which is not installed`,
    );
  return Bun.spawn([program, ...words], {
    stdio: ["ignore", "pipe", errors],
    env: { LC_ALL: "C" }, // none of ours: it would choose another journal by it
  });
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of stream) {
    const lines = `${rest}${decoder.decode(piece, { stream: true })}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** @returns undefined for what is no entry of a container's */
function parseEntry(line: string): Read | undefined {
  const fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const {
    MESSAGE: message,
    PRIORITY: priority,
    __CURSOR: cursor,
    __REALTIME_TIMESTAMP: microseconds,
  } = fields;
  if (typeof cursor !== "string" || typeof microseconds !== "string") return undefined;
  // What is no text comes as its bytes.
  const content =
    typeof message === "string" || Array.isArray(message) ? Buffer.from(message) : Buffer.alloc(0);
  return {
    cursor,
    entry: {
      time: timeOf(microseconds),
      stream: priority === PRIORITY_OF_ERRORS ? "stderr" : "stdout",
      isWhole: fields[PARTIAL_FIELD] !== "true",
      content,
    },
  };
}

/** Microseconds since 1970, in the form of our own logs, which compare as text. */
function timeOf(microseconds: string): string {
  const seconds = new Date(Number(microseconds.slice(0, -6)) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${microseconds.slice(-6)}000Z`;
}
