/** The parent's own look into a container's root, by its descriptor. A hostile root gets no further than its own files. */
import { check, closeSync, cString, errno, fstatSync, readStartSync, syscall } from "../../sys/index.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  STATX_BASIC_STATS,
  STATX_BYTES,
  STX_MODE,
  STX_RDEV_MAJOR,
  STX_RDEV_MINOR,
} from "../compile/constants.ts";

const HOW_BYTES = 24;
const FLAGS = {
  read: O_NONBLOCK | O_CLOEXEC,
  path: O_PATH | O_CLOEXEC,
  directory: O_PATH | O_DIRECTORY | O_CLOEXEC,
} as const;

/** Opens `path` as if `root` were "/". The caller closes it. @returns undefined where there is nothing that can be opened so. */
export function openInRootSync(root: number, path: string, how: keyof typeof FLAGS): number | undefined {
  const openHow = BigUint64Array.of(BigInt(FLAGS[how]), 0n, BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
  let result = -errno.EAGAIN;
  // While anything on the machine is renamed or mounted, the kernel cannot vouch for a `..` in a link (openat2(2)).
  for (let tries = 0; result === -errno.EAGAIN && tries < 128; tries++)
    result = syscall("openat2", root, cString(path), openHow, HOW_BYTES);
  return result < 0 ? undefined : result;
}

/** The text of a regular file, up to `maxBytes`; empty for anything else. Closes the descriptor. */
export function readCapped(descriptor: number, maxBytes: number): string {
  try {
    const { isFile, size } = fstatSync(descriptor);
    return isFile ? new TextDecoder().decode(readStartSync(descriptor, Math.min(maxBytes, size))) : "";
  } finally {
    closeSync(descriptor);
  }
}

const MAX_LINKS = 40;

/**
 * Makes what a dangling link leads to, in-root: the kernel resolves links only to what exists, so this walks the names
 * itself, each below a descriptor. @throws {SystemCallFailed}
 */
export function makeDanglingTarget(root: number, path: string, want: "directory" | "file"): void {
  const todo = names(path);
  const above: number[] = [];
  let here = dup(root);
  let links = 0;
  try {
    while (todo.length > 0) {
      const name = todo.shift() ?? "";
      if (name === "..") {
        const parent = above.pop();
        if (parent !== undefined) {
          closeSync(here);
          here = parent;
        }
        continue;
      }
      const target = readLink(here, name);
      if (target !== undefined) {
        if (++links > MAX_LINKS) check(-errno.ELOOP, "openat2", path);
        if (target.startsWith("/")) {
          for (const descriptor of [here, ...above.splice(0)]) closeSync(descriptor);
          here = dup(root);
        }
        todo.unshift(...names(target));
        continue;
      }
      const isDirectory = want === "directory" || todo.length > 0;
      const made = isDirectory
        ? syscall("mkdirat", here, cString(name), 0o755)
        : syscall("mknodat", here, cString(name), S_IFREG | 0o755, 0);
      if (made !== -errno.EEXIST) check(made, isDirectory ? "mkdirat" : "mknodat", path);
      const flags = O_PATH | O_CLOEXEC | 0o400000 | (isDirectory ? O_DIRECTORY : 0);
      const next = check(syscall("openat", here, cString(name), flags), "openat", path);
      above.push(here);
      here = next;
    }
  } finally {
    for (const descriptor of [here, ...above]) closeSync(descriptor);
  }
}

/** Whether `name` below `directory` is that device. A link is not followed. */
export function isDevice(
  directory: number,
  { name, type, major, minor }: { name: string; type: string; major: number; minor: number },
): boolean {
  const stat = new DataView(new ArrayBuffer(STATX_BYTES));
  check(
    syscall("statx", directory, cString(name), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat),
    "statx",
    name,
  );
  const format = stat.getUint16(STX_MODE, true) & S_IFMT;
  if (type === "p") return format === S_IFIFO;
  const isRightType = format === (type === "b" ? S_IFBLK : S_IFCHR);
  return (
    isRightType &&
    stat.getUint32(STX_RDEV_MAJOR, true) === major &&
    stat.getUint32(STX_RDEV_MINOR, true) === minor
  );
}

function names(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function dup(descriptor: number): number {
  const F_DUPFD_CLOEXEC = 1030;
  return check(syscall("fcntl", descriptor, F_DUPFD_CLOEXEC, 0), "fcntl");
}

function readLink(directory: number, name: string): string | undefined {
  const buffer = new Uint8Array(4096);
  const length = syscall("readlinkat", directory, cString(name), buffer, buffer.length);
  return length < 0 ? undefined : new TextDecoder().decode(buffer.subarray(0, length));
}
