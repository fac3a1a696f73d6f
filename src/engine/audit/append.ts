/** Adding to the audit log of a store: see log.ts. Every start of a container comes by here, so it does without node:fs. */
import type { HostPath } from "../../base/index.ts";
import {
  check,
  closeSync,
  fstatSync,
  isInUserNamespace,
  lockFile,
  O,
  openSync,
  readTextSync,
  syscall,
  uidOutside,
} from "../../sys/index.ts";
import type { AuditEntry } from "./entry.ts";

const NEW_LINE = 0x0a;
/** Nearly every line is shorter; none is longer than that: arguments are bounded by the kernel. */
const TAIL_BYTES = 16 << 10;
const LONG_TAIL_BYTES = 4 << 20;
const NOBODY = 4_294_967_295;

/** Where it is. */
export function auditPath(root: HostPath): HostPath {
  return `${root}/audit.log` as HostPath;
}

type NewEntry = Omit<AuditEntry, "time" | "uid" | "loginUID" | "pid" | "previous">;

/**
 * Adds an entry: on disk when this returns.
 * @param options.waits  Whether it is: another one, which waits, follows before anything runs, and takes this one with it.
 */
export function appendAudit(
  root: HostPath,
  entry: NewEntry,
  { waits = true }: { readonly waits?: boolean } = {},
): void {
  using added = addEntry(root, entry);
  if (waits) added.waitForDisk();
}

/** SYNC_FILE_RANGE_WRITE of sync_file_range(2): begins to write, and waits for nothing. */
const BEGIN = 2;

/** Adds an entry that is on its way to the disk; disposing waits until it is there. For who has something to do meanwhile. */
export function beginAudit(root: HostPath, entry: NewEntry): Disposable {
  const added = addEntry(root, entry);
  syscall("sync_file_range", added.file, 0, 0, BEGIN); // what this cannot do is waited for
  return {
    [Symbol.dispose](): void {
      using _ = added;
      added.waitForDisk();
    },
  };
}

interface Added extends Disposable {
  readonly file: number;
  waitForDisk(): void;
}

function addEntry(root: HostPath, entry: NewEntry): Added {
  const path = auditPath(root);
  using _lock = lockFile(`${path}.lock`);
  using opening = new DisposableStack();
  const file = openSync(path, O.RDWR | O.CREAT | O.APPEND, 0o600);
  opening.defer(() => closeSync(file));
  const { last, isTorn } = lastLine(file);
  const whole: AuditEntry = {
    time: new Date().toISOString(),
    ...{ uid: outside(process.getuid?.() ?? 0), loginUID: loginUID(), pid: process.pid },
    ...entry,
    previous: last === undefined ? "" : digestOfLine(last),
  };
  writeWhole(file, `${isTorn ? "\n" : ""}${JSON.stringify(whole)}\n`, path);
  const opened = opening.move();
  return {
    file,
    waitForDisk: () => void check(syscall("fdatasync", file), "fdatasync", path),
    [Symbol.dispose]: () => opened.dispose(),
  };
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
  const tail = new Uint8Array(new ArrayBuffer(Math.min(size, length)));
  check(syscall("pread64", file, tail, tail.length, size - tail.length), "read");
  const isTorn = tail.at(-1) !== NEW_LINE;
  const end = isTorn ? tail.length : tail.length - 1;
  const before = tail.lastIndexOf(NEW_LINE, end - 1);
  return { last: tail.subarray(before + 1, end), isTorn, isWhole: before >= 0 || tail.length === size };
}

/** @throws {SystemCallFailed} A full disk takes a part, or nothing. */
function writeWhole(file: number, text: string, path: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0)
    rest = rest.subarray(check(syscall("write", file, rest, rest.length), "write", path));
}

export function digestOfLine(line: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(line).digest("hex");
}

/** Who logged in; null: nobody, as in a service. Source: proc(5), /proc/PID/loginuid. */
function loginUID(): number | null {
  let text: string;
  try {
    text = readTextSync("/proc/self/loginuid");
  } catch {
    return null; // a kernel without audit
  }
  const number = Number(text);
  return number === NOBODY ? null : outside(number);
}

/** A plain user is root in the home of theirs: that is not who it was. */
function outside(uid: number): number {
  return isInUserNamespace() ? uidOutside(uid) : uid;
}
