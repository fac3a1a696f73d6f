/**
 * One entry of a log as monitors write it. Source: Kubernetes, CRI logging: `TIME STREAM TAG CONTENT`; docker's json-file:
 * `{"log":"CONTENT","stream":"STREAM","attrs":{…},"time":"TIME"}`, the attributes where --log-opt asks for them.
 */

/** A line, or a part of one. */
export interface LogEntry {
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  /** Whether a line end follows. */
  readonly isWhole: boolean;
  readonly content: Uint8Array;
}

const BRACE = 0x7b;
const SPACE = 0x20;
const FULL = 0x46;
/** `2026-01-02T03:04:05.123456789Z` and ` stdout F ` are as long in every entry. */
const TIME_BYTES = 30;
const HEAD_BYTES = TIME_BYTES + 10;

/** Reads one entry, without its line end; undefined for what is none, as after a disk was full. */
export function parseLogEntry(line: Uint8Array): LogEntry | undefined {
  if (line[0] === BRACE) return parseJSONEntry(line);
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

/** Bytes that are no UTF-8 stand in the file as they are, which JSON does not allow: so the text is read as bytes. */
function parseJSONEntry(line: Uint8Array): LogEntry | undefined {
  let entry: { readonly log?: unknown; readonly stream?: unknown; readonly time?: unknown };
  try {
    entry = JSON.parse(
      Buffer.from(line.buffer, line.byteOffset, line.length).toString("latin1"),
    ) as typeof entry;
  } catch {
    return undefined; // cut short when a disk was full
  }
  const { log, stream, time } = entry;
  if (typeof log !== "string" || typeof time !== "string" || (stream !== "stdout" && stream !== "stderr"))
    return undefined;
  const isWhole = log.endsWith("\n");
  return { time, stream, isWhole, content: Buffer.from(isWhole ? log.slice(0, -1) : log, "latin1") };
}
