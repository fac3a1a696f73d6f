/** One entry of a log as monitors write it. Source: Kubernetes, CRI logging: `TIME STREAM TAG CONTENT`. */

/** A line, or a part of one. */
export interface LogEntry {
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  /** Whether a line end follows. */
  readonly isWhole: boolean;
  readonly content: Uint8Array;
}

const SPACE = 0x20;
const FULL = 0x46;
/** `2026-01-02T03:04:05.123456789Z` and ` stdout F ` are as long in every entry. */
const TIME_BYTES = 30;
const HEAD_BYTES = TIME_BYTES + 10;

/** Reads one entry, without its line end; undefined for what is none, as after a disk was full. */
export function parseLogEntry(line: Uint8Array): LogEntry | undefined {
  if (line.length < HEAD_BYTES || line[TIME_BYTES] !== SPACE || line[HEAD_BYTES - 1] !== SPACE)
    return undefined;
  const head = Buffer.from(line.buffer, line.byteOffset, HEAD_BYTES).toString("latin1");
  const stream = head.slice(TIME_BYTES + 1, TIME_BYTES + 7);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  return {
    time: head.slice(0, TIME_BYTES),
    stream,
    isWhole: line[HEAD_BYTES - 2] === FULL,
    content: line.subarray(HEAD_BYTES),
  };
}
