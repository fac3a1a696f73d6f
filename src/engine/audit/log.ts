/**
 * The audit log of a store: lines that are only ever added, each with the digest of the one before. What cannot be written there is
 * not done.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { lockFile } from "../../sys/index.ts";
import type { AuditEntry } from "./entry.ts";

const NEW_LINE = 0x0a;
/** Nearly every line is shorter; none is longer than that: arguments are bounded by the kernel. */
const TAIL_BYTES = 16 << 10;
const LONG_TAIL_BYTES = 4 << 20;
const NOBODY = 4_294_967_295;

/** Where it is. */
export function auditPath(root: HostPath): HostPath {
  return join(root, "audit.log") as HostPath;
}

/** Adds an entry: on disk when this returns. */
export function appendAudit(
  root: HostPath,
  entry: Omit<AuditEntry, "time" | "uid" | "loginUID" | "pid" | "previous">,
): void {
  const path = auditPath(root);
  using _lock = lockFile(`${path}.lock`);
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600);
  try {
    const { last, isTorn } = lastLine(file);
    const whole: AuditEntry = {
      time: new Date().toISOString(),
      ...{ uid: process.getuid?.() ?? 0, loginUID: loginUID(), pid: process.pid },
      ...entry,
      previous: last === undefined ? "" : digestOf(last),
    };
    writeSync(file, `${isTorn ? "\n" : ""}${JSON.stringify(whole)}\n`);
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** @returns the last line; one that was cut short by a full disk or a crash is one too */
function lastLine(file: number): { last: Uint8Array | undefined; isTorn: boolean } {
  const { size } = fstatSync(file);
  if (size === 0) return { last: undefined, isTorn: false };
  const near = lastWithin(file, size, TAIL_BYTES);
  return near.isWhole ? near : lastWithin(file, size, LONG_TAIL_BYTES);
}

function lastWithin(
  file: number,
  size: number,
  length: number,
): { last: Uint8Array; isTorn: boolean; isWhole: boolean } {
  const tail = new Uint8Array(Math.min(size, length));
  readSync(file, tail, 0, tail.length, size - tail.length);
  const isTorn = tail.at(-1) !== NEW_LINE;
  const end = isTorn ? tail.length : tail.length - 1;
  const before = tail.lastIndexOf(NEW_LINE, end - 1);
  return { last: tail.subarray(before + 1, end), isTorn, isWhole: before >= 0 || tail.length === size };
}

function digestOf(line: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(line).digest("hex");
}

/** Who logged in; null: nobody, as in a service. Source: proc(5), /proc/PID/loginuid. */
function loginUID(): number | null {
  let text: string;
  try {
    text = readFileSync("/proc/self/loginuid", "utf8");
  } catch {
    return null; // a kernel without audit
  }
  const number = Number(text);
  return number === NOBODY ? null : number;
}

/** A line that is not as it was written, or does not follow the one before. */
export interface AuditProblem {
  /** From 1. */
  readonly line: number;
  readonly says: string;
}

/** All entries, and what is wrong. */
export function readAudit(root: HostPath): { entries: AuditEntry[]; problems: AuditProblem[] } {
  let text: Buffer;
  try {
    text = readFileSync(auditPath(root));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { entries: [], problems: [] };
    throw error;
  }
  const [entries, problems]: [AuditEntry[], AuditProblem[]] = [[], []];
  let before: Uint8Array | undefined;
  let number = 0;
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf(NEW_LINE, from);
    const line = text.subarray(from, end < 0 ? text.length : end);
    from += line.length + 1;
    number += 1;
    const entry = parse(line);
    if (entry === undefined) problems.push({ line: number, says: "it is no whole entry" });
    else {
      entries.push(entry);
      if (entry.previous !== (before === undefined ? "" : digestOf(before)))
        problems.push({
          line: number,
          says: "the line before is not the one that was there when it was written",
        });
    }
    before = line;
  }
  return { entries, problems };
}

function parse(line: Uint8Array): AuditEntry | undefined {
  try {
    const entry = JSON.parse(Buffer.from(line).toString("utf8")) as AuditEntry;
    return typeof entry?.previous === "string" && typeof entry.time === "string" ? entry : undefined;
  } catch {
    return undefined; // told as a problem
  }
}
