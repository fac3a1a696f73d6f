/**
 * The few file calls that every container takes, through the binding. They are called as in node:fs, which has them all and
 * takes a millisecond and more to load, a tenth of a run. Paths are the host's; every descriptor is close-on-exec.
 * All throw SystemCallFailed.
 */
import { type Argument, cString, syscall } from "./binding.ts";
import { check, errno, errnoOf, SystemCallFailed } from "./errno.ts";
import type { SystemCall } from "./numbers.ts";
import { O } from "./open-flags.ts";

const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;
const PATH_BYTES = 4096;
const READ_BYTES = 65_536;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BYTES = 256;
/** Where the fields of `struct statx` stand. */
const [UID_AT, MODE_AT, INODE_AT, SIZE_AT, MAJOR_AT, MINOR_AT] = [20, 28, 32, 40, 136, 140];
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const TWO_TO_32 = 0x1_0000_0000;
/** `struct linux_dirent64`: where the length, the type and the name of an entry stand. */
const [ENTRY_LENGTH, ENTRY_TYPE, ENTRY_NAME] = [16, 18, 19];
const DT_DIR = 4;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** The caller closes it. */
export function openSync(path: string, flags: number, mode = 0o666): number {
  return check(again("openat", AT_FDCWD, cString(path), flags | O.CLOEXEC, mode), "open", path);
}

export function closeSync(descriptor: number): void {
  check(syscall("close", descriptor), "close");
}

/** The whole of a file. */
export function readTextSync(path: string, flags: number = O.RDONLY): string {
  return readAll(openSync(path, flags), path);
}

/** The whole of a file, or undefined where there is none any more: of a process or a cgroup that has ended, for instance. */
export function readTextIfAnySync(path: string, flags: number = O.RDONLY): string | undefined {
  const descriptor = again("openat", AT_FDCWD, cString(path), flags | O.CLOEXEC);
  if (GONE.includes(descriptor)) return undefined;
  check(descriptor, "open", path);
  try {
    return readAll(descriptor, path);
  } catch (error) {
    // It ended between the two calls.
    if (error instanceof SystemCallFailed && GONE.includes(-error.number)) return undefined;
    throw error;
  }
}

const GONE: readonly number[] = [-errno.ENOENT, -errno.ENOTDIR, -errno.ENODEV, -errno.ESRCH];

/** Closes the descriptor. */
function readAll(descriptor: number, path: string): string {
  try {
    let buffer = scratch();
    let length = 0;
    for (;;) {
      // A file of /proc tells no size: its end is where nothing more comes.
      const rest = buffer.subarray(length);
      const count = check(again("read", descriptor, rest, rest.length), "read", path);
      if (count === 0) return decoder.decode(buffer.subarray(0, length));
      length += count;
      if (length === buffer.length) buffer = doubled(buffer);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** The first bytes of an open file, wherever its offset is. */
export function readStartSync(descriptor: number, maxBytes: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(Math.max(maxBytes, 1)));
  return bytes.subarray(0, check(again("pread64", descriptor, bytes, maxBytes, 0), "read"));
}

let kept: Uint8Array<ArrayBuffer> | undefined;
/** One buffer for all: its pages are there after the first use. */
function scratch(): Uint8Array<ArrayBuffer> {
  kept ??= new Uint8Array(new ArrayBuffer(READ_BYTES));
  return kept;
}

function doubled(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(new ArrayBuffer(buffer.length * 2));
  larger.set(buffer);
  return larger;
}

/** Writes `text` in one call, as the kernel's own files want it. Returns how many bytes were taken. */
export function writeSync(descriptor: number, text: string): number {
  const bytes = encoder.encode(text);
  return check(again("write", descriptor, bytes, bytes.length), "write");
}

/** Writes the whole of `text` into a file, which is made, or emptied, unless `flags` say otherwise. */
export function writeTextSync(
  path: string,
  text: string,
  { flags = O.WRONLY | O.CREAT | O.TRUNC, mode = 0o666 }: { flags?: number; mode?: number } = {},
): void {
  const descriptor = openSync(path, flags, mode);
  try {
    let rest = encoder.encode(text);
    while (rest.length > 0)
      rest = rest.subarray(check(again("write", descriptor, rest, rest.length), "write", path));
  } finally {
    closeSync(descriptor);
  }
}

const POLLOUT = 4;

/** Writes all of `text`. A reader that has gone away is no error: nobody is left to be told. */
export function writeAllSync(descriptor: number, text: string): void {
  let rest = encoder.encode(text);
  while (rest.length > 0) {
    const result = again("write", descriptor, rest, rest.length);
    if (result === -errno.EPIPE || result === -errno.EBADF) return;
    // Somebody left O_NONBLOCK on a shared pipe and its reader is slow: wait, rather than lose the rest.
    if (result === -errno.EAGAIN) syscall("ppoll", Int32Array.of(descriptor, POLLOUT), 1, 0, 0);
    else rest = rest.subarray(check(result, "write"));
  }
}

/** With `recursive` also what is missing above it, and then it may be there. */
export function mkdirSync(path: string, { mode = 0o777, recursive = false }: MakeOptions = {}): void {
  const result = syscall("mkdirat", AT_FDCWD, cString(path), mode);
  if (recursive && result === -errno.EEXIST && statSync(path).isDirectory) return;
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (!recursive || result !== -errno.ENOENT || parent === "") {
    check(result, "mkdir", path);
    return;
  }
  mkdirSync(parent, { mode, recursive });
  const second = syscall("mkdirat", AT_FDCWD, cString(path), mode);
  // Somebody else may have made it meanwhile; where there is a parent and nothing can be made in it (/proc), the parent is no help.
  if (second !== -errno.EEXIST || !statSync(path).isDirectory) check(second, "mkdir", path);
}

interface MakeOptions {
  readonly mode?: number;
  readonly recursive?: boolean;
}

export function rmdirSync(path: string): void {
  check(syscall("unlinkat", AT_FDCWD, cString(path), AT_REMOVEDIR), "rmdir", path);
}

/** Removes a file, or a directory and all in it; what is gone is no failure. A link is removed, not followed. */
export function removeSync(path: string): void {
  const result = syscall("unlinkat", AT_FDCWD, cString(path), 0);
  if (result === -errno.ENOENT) return;
  if (result !== -errno.EISDIR) {
    check(result, "unlink", path);
    return;
  }
  try {
    for (const { name } of readdirSync(path, O.NOFOLLOW)) removeSync(`${path}/${name}`);
    rmdirSync(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error; // somebody else removes it at the same time
  }
}

export function renameSync(from: string, to: string): void {
  check(syscall("renameat2", AT_FDCWD, cString(from), AT_FDCWD, cString(to), 0), "rename", from);
}

/** Where the link at `path` leads, as it says; undefined where there is none. */
export function readLinkIfAnySync(path: string): string | undefined {
  const text = scratch();
  const length = syscall("readlinkat", AT_FDCWD, cString(path), text, text.length);
  return length < 0 ? undefined : decoder.decode(text.subarray(0, length));
}

/** Absolute and without links. */
export function realpathSync(path: string): string {
  const descriptor = openSync(path, O.PATH);
  try {
    const target = new Uint8Array(new ArrayBuffer(PATH_BYTES));
    const link = cString(`/proc/self/fd/${descriptor}`);
    const length = check(syscall("readlinkat", AT_FDCWD, link, target, target.length), "readlink", path);
    return decoder.decode(target.subarray(0, length));
  } finally {
    closeSync(descriptor);
  }
}

/** What a file is. Device and inode together name it. */
export interface FileStatus {
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  readonly uid: number;
  readonly size: number;
  readonly device: string;
  readonly inode: number;
}

/** Of what `path` leads to. */
export function statSync(path: string): FileStatus {
  return statusAt(AT_FDCWD, path, 0);
}

/** Of an open file. */
export function fstatSync(descriptor: number): FileStatus {
  return statusAt(descriptor, "", AT_EMPTY_PATH);
}

function statusAt(descriptor: number, path: string, flags: number): FileStatus {
  const status = new DataView(new ArrayBuffer(STATX_BYTES));
  check(syscall("statx", descriptor, cString(path), flags, STATX_BASIC_STATS, status), "stat", path);
  const word = (at: number): number => status.getUint32(at, true);
  const type = status.getUint16(MODE_AT, true) & S_IFMT;
  return {
    isDirectory: type === S_IFDIR,
    isFile: type === S_IFREG,
    uid: word(UID_AT),
    size: word(SIZE_AT) + word(SIZE_AT + 4) * TWO_TO_32,
    device: `${word(MAJOR_AT)}:${word(MINOR_AT)}`,
    inode: word(INODE_AT) + word(INODE_AT + 4) * TWO_TO_32,
  };
}

/** Whether `path` leads to anything. */
export function existsSync(path: string): boolean {
  return syscall("faccessat", AT_FDCWD, cString(path), 0) === 0;
}

/** One name in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  /** Itself one, not a link to one. */
  readonly isDirectory: boolean;
}

/** In the directory's own order. */
export function readdirSync(path: string, flags = 0): DirectoryEntry[] {
  const directory = openSync(path, O.DIRECTORY | flags);
  try {
    const entries: DirectoryEntry[] = [];
    const buffer = scratch();
    const view = new DataView(buffer.buffer);
    for (;;) {
      const end = check(syscall("getdents64", directory, buffer, buffer.length), "getdents64", path);
      if (end === 0) return entries;
      for (let at = 0; at < end; at += view.getUint16(at + ENTRY_LENGTH, true)) {
        const from = at + ENTRY_NAME;
        const name = decoder.decode(buffer.subarray(from, buffer.indexOf(0, from)));
        if (name !== "." && name !== "..")
          entries.push({ name, isDirectory: view.getUint8(at + ENTRY_TYPE) === DT_DIR });
      }
    }
  } finally {
    closeSync(directory);
  }
}

/** A call that a signal may interrupt before it has done anything. */
function again(call: SystemCall, a: Argument, b: Argument, c: Argument, d: Argument = 0): number {
  let result: number;
  do result = syscall(call, a, b, c, d);
  while (result === -errno.EINTR);
  return result;
}
