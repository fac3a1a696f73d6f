/** The calls by which something is mounted on the host. Source: fsopen(2), fsconfig(2), open_tree(2), move_mount(2), mount_setattr(2), umount2(2). */
import { close, closeSync, constants } from "node:fs";
import type { HostPath } from "../../base/index.ts";
import { check, cString, errno, syscall } from "../../sys/index.ts";

const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const MOUNT_ATTR_RDONLY = 1n;
/** Where `struct statx` has them. */
const STX_ATTRIBUTES = 8;
const STATX_ATTR_MOUNT_ROOT = 0x2000;
const UMOUNT_NOFOLLOW = 8;
const MNT_DETACH = 2;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

/**
 * Shows the tree at `source` at `target` too: paths, or descriptors of the places.
 * @param changeMount  Does something with the mount before anybody sees it.
 */
export function bindTree(
  source: HostPath | number,
  target: HostPath | number,
  changeMount: (mount: number) => void = () => undefined,
): void {
  const [directory, path, flag] =
    typeof source === "number" ? [source, "", AT_EMPTY_PATH] : [AT_FDCWD, source, 0];
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | flag;
  const tree = check(syscall("open_tree", directory, cString(path), flags), "open_tree", path);
  try {
    changeMount(tree);
    attachMount(tree, target);
  } finally {
    closeSync(tree);
  }
}

/** Has nothing written by way of `tree`, a mount with those below it. */
export function makeReadonly(tree: number): void {
  // struct mount_attr: set, clear, propagation, userns_fd.
  const attributes = BigUint64Array.of(MOUNT_ATTR_RDONLY, 0n, 0n, 0n);
  const flags = AT_EMPTY_PATH | AT_RECURSIVE;
  const words = new Uint8Array(attributes.buffer);
  check(syscall("mount_setattr", tree, cString(""), flags, words, words.byteLength), "mount_setattr");
}

/** Puts a mount that is nowhere yet on `target`, a path or a descriptor. */
export function attachMount(mount: number, target: HostPath | number): void {
  const [directory, path, flag] =
    typeof target === "number" ? [target, "", MOVE_MOUNT_T_EMPTY_PATH] : [AT_FDCWD, target, 0];
  const flags = MOVE_MOUNT_F_EMPTY_PATH | flag;
  const result = syscall("move_mount", mount, cString(""), directory, cString(path), flags);
  check(result, "move_mount", path);
}

/** Sets an option of a file system in the making; one without a value is a flag. @returns 0, or -errno */
export function setOption(context: number, key: string, value: string | undefined): number {
  return value === undefined
    ? syscall("fsconfig", context, FSCONFIG_SET_FLAG, cString(key), 0, 0)
    : syscall("fsconfig", context, FSCONFIG_SET_STRING, cString(key), cString(value), 0);
}

/** What the kernel has to say about the last failure: the first line in the context's log, without its level. */
export function messageOfContext(context: number): string {
  const buffer = new Uint8Array(new ArrayBuffer(1024));
  const length = syscall("read", context, buffer, buffer.length);
  return length > 0
    ? Buffer.from(buffer.subarray(0, length))
        .toString()
        .replace(/^[ewi] /, "")
        .trim()
    : "";
}

/** Whether something is mounted on `path`. Source: statx(2), STATX_ATTR_MOUNT_ROOT. */
export function isMountPoint(path: HostPath): boolean {
  const status = new DataView(new ArrayBuffer(256));
  check(
    syscall("statx", AT_FDCWD, cString(path), AT_SYMLINK_NOFOLLOW, 0, new Uint8Array(status.buffer)),
    "statx",
    path,
  );
  return (status.getUint32(STX_ATTRIBUTES, true) & STATX_ATTR_MOUNT_ROOT) !== 0;
}

/**
 * As `unmount()`, for a file system that writes when it goes what is dirty in the one below, whoever wrote that: a thread of Bun's waits for it,
 * beside others. Resolves when it has gone, if nobody else has it mounted.
 */
export async function unmountAside(target: HostPath): Promise<void> {
  const flags = constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const held = syscall("openat", AT_FDCWD, cString(target), O_PATH | O_CLOEXEC | flags);
  if (held === -errno.ENOENT || held === -errno.ENOTDIR) return;
  check(held, "open", target);
  try {
    unmount(target);
  } finally {
    // It goes with the last who has it open.
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    close(held, (error) => (error === null || error === undefined ? resolve() : reject(error)));
    await promise;
  }
}

/** Unmounts what is on `target`, however busy, without following a link; nothing there is no error. */
export function unmount(target: HostPath): void {
  const result = syscall("umount2", cString(target), UMOUNT_NOFOLLOW | MNT_DETACH);
  // EINVAL: not a mount point; ENOENT: not even a directory.
  if (result === -errno.EINVAL || result === -errno.ENOENT) return;
  check(result, "umount2", target);
}
