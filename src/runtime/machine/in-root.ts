/** The parent's own look into a container's root, by its descriptor. A hostile root gets no further than its own files. */
import {
  check,
  closeSync,
  cString,
  duplicate,
  errno,
  fstatSync,
  readStartSync,
  syscall,
} from "../../sys/index.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
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
 * Where `path` leads when its links are followed in-root, though nothing is there: the kernel resolves links only to what
 * exists, so this walks the names itself, each below a descriptor. @throws {SystemCallFailed}
 */
export function resolveDangling(root: number, path: string): string {
  const todo = names(path);
  const resolved: string[] = [];
  /** Descriptors of the directories of `resolved`, as far as they exist; the root's first. */
  const open = [duplicate(root)];
  let links = 0;
  try {
    while (todo.length > 0) {
      const name = todo.shift() ?? "";
      const exists = open.length > resolved.length;
      if (name === "..") {
        if (resolved.pop() !== undefined && exists) closeSync(open.pop() ?? -1);
        continue;
      }
      const here = open.at(-1) ?? root;
      const target = exists ? readLink(here, name) : undefined;
      if (target !== undefined) {
        if (++links > MAX_LINKS) check(-errno.ELOOP, "openat2", path);
        if (target.startsWith("/")) {
          for (const descriptor of open.splice(1)) closeSync(descriptor);
          resolved.length = 0;
        }
        todo.unshift(...names(target));
        continue;
      }
      const next = exists ? syscall("openat", here, cString(name), O_PATH | O_CLOEXEC | O_NOFOLLOW) : -1;
      resolved.push(name);
      if (next >= 0) open.push(next);
    }
    return resolved.join("/");
  } finally {
    for (const descriptor of open) closeSync(descriptor);
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

function readLink(directory: number, name: string): string | undefined {
  const buffer = new Uint8Array(4096);
  const length = syscall("readlinkat", directory, cString(name), buffer, buffer.length);
  return length < 0 ? undefined : new TextDecoder().decode(buffer.subarray(0, length));
}
