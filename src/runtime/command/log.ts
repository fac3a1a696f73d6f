/**
 * The log that callers read: logrus's two formats, one line an event. containerd takes the last error of the file for
 * the message it shows; podman takes the whole file for one JSON object. So nothing but errors goes there unasked.
 */

import { printError, TeuError, writeAll } from "../../base/index.ts";
import { closeSync, O, openSync } from "../../sys/index.ts";

/** `--log-format` has two values. The words are runc's. */
export class InvalidLogFormat extends TeuError<"invalid-log-format", { format: string }> {
  constructor(context: { format: string }) {
    super("invalid-log-format", "invalid", context, `invalid log-format: ${context.format}`);
  }
}

export type LogFormat = "text" | "json";

/** @throws {InvalidLogFormat} */
export function parseLogFormat(text: string): LogFormat {
  if (text === "") return "text";
  if (text === "text" || text === "json") return text;
  throw new InvalidLogFormat({ format: text });
}

/** One line of the log, with its newline. */
export function encodeLogLine(format: LogFormat, level: string, msg: string, time = new Date()): string {
  const seconds = time.toISOString().replace(/\.\d+Z$/, "Z");
  if (format === "json") return `${JSON.stringify({ level, msg, time: seconds })}\n`;
  return `time="${seconds}" level=${level} msg=${quote(msg)}\n`;
}

/** As logrus: quotes only where something would be ambiguous. */
function quote(text: string): string {
  return /^[A-Za-z0-9._/@^+-]+$/.test(text) ? text : JSON.stringify(text);
}

/** Where events go. */
export interface Log {
  readonly path: string | undefined;
  readonly format: LogFormat;
  readonly isDebug: boolean;
}

const APPEND = O.WRONLY | O.APPEND | O.CREAT | O.SYNC;

/** Writes an error. To standard error it goes plain when there is a file, so that a person sees it too. */
export function logError(log: Log, program: string, message: string): void {
  if (log.path === undefined) {
    // Who calls us runc may parse logrus's lines; people at a terminal get a sentence.
    printError(program === "runc" ? encodeLogLine(log.format, "error", message) : `${program}: ${message}\n`);
    return;
  }
  append(log.path, encodeLogLine(log.format, "error", message));
  printError(`${message}\n`);
}

/** Writes what went wrong and changed nothing. Where there is no file, a person reads it. */
export function logWarning(log: Log, program: string, message: string): void {
  if (log.path !== undefined) append(log.path, encodeLogLine(log.format, "warning", message));
  else
    printError(
      program === "runc" ? encodeLogLine(log.format, "warning", message) : `${program}: ${message}\n`,
    );
}

/** Writes a debug event, if asked for. */
export function logDebug(log: Log, message: string): void {
  if (!log.isDebug) return;
  const line = encodeLogLine(log.format, "debug", message);
  if (log.path === undefined) printError(line);
  else append(log.path, line);
}

function append(path: string, line: string): void {
  const descriptor = openSync(path, APPEND, 0o644);
  try {
    writeAll(descriptor, line);
  } finally {
    closeSync(descriptor);
  }
}
