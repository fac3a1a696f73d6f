/**
 * Namespaces that a container joins, as open files: looked at before anything is made, so that a wrong one is named.
 * Source: runtime-spec config-linux.md, Namespaces; ioctl_ns(2).
 */
import { TeuError } from "../../base/index.ts";
import type { NamespaceType } from "../../spec/index.ts";
import { check, cString, errno, statSync, syscall } from "../../sys/index.ts";
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, STATFS_BYTES } from "../compile/constants.ts";
import { CLONE_FLAGS } from "../compile/namespaces.ts";

/** A namespace that cannot be joined: the path names none, or one of another type, or our own. */
export class CannotJoinNamespace extends TeuError<
  "cannot-join-namespace",
  { field: string; path: string; type: NamespaceType; found: string }
> {
  constructor(context: { field: string; path: string; type: NamespaceType; found: string }, says: string) {
    super(
      "cannot-join-namespace",
      "invalid",
      context,
      `${context.field}: cannot join ${JSON.stringify(context.path)} as ${context.type} namespace: ${says}`,
    );
  }
}

const NSFS_MAGIC = 0x6e73_6673n;
const NS_GET_NSTYPE = 0xb703;

/** Opens a namespace of that type. The caller closes it. @throws {CannotJoinNamespace} {SystemCallFailed} */
export function openNamespace(field: string, path: string, type: NamespaceType): number {
  // Not blocking: what is there may be a fifo.
  const descriptor = syscall("openat", AT_FDCWD, cString(path), O_NONBLOCK | O_CLOEXEC);
  if (descriptor === -errno.ENOENT || descriptor === -errno.ENOTDIR)
    throw new CannotJoinNamespace({ field, path, type, found: "nothing" }, "no such file or directory");
  check(descriptor, "openat", path);
  try {
    refuseOther(descriptor, field, path, type);
    return descriptor;
  } catch (error) {
    syscall("close", descriptor);
    throw error;
  }
}

function refuseOther(descriptor: number, field: string, path: string, type: NamespaceType): void {
  const statfs = new BigUint64Array(STATFS_BYTES / 8);
  check(syscall("fstatfs", descriptor, statfs), "fstatfs", path);
  if (statfs[0] !== NSFS_MAGIC)
    throw new CannotJoinNamespace({ field, path, type, found: "no namespace" }, "it is no namespace");
  const flag = check(syscall("ioctl", descriptor, NS_GET_NSTYPE), "ioctl", path);
  const found = Object.entries(CLONE_FLAGS).find(([, known]) => known === flag)?.[0] ?? String(flag);
  if (found !== type)
    throw new CannotJoinNamespace({ field, path, type, found }, `it is a ${found} namespace`);
  // pivot_root moves every process of the mount namespace that stands in the old root: ours would move the host.
  if (type === "mount" && isOwnNamespace(`/proc/self/fd/${descriptor}`, type))
    throw new CannotJoinNamespace({ field, path, type, found: "own" }, "it is the runtime's own");
}

/** Their names below /proc/PID/ns. */
export const NAMESPACE_FILES: Readonly<Record<NamespaceType, string>> = {
  pid: "pid",
  network: "net",
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  cgroup: "cgroup",
  time: "time",
};

/** Whether what `path` leads to is the namespace that the runtime itself is in. */
export function isOwnNamespace(path: string, type: NamespaceType): boolean {
  const [theirs, ours] = [statSync(path), statSync(`/proc/self/ns/${NAMESPACE_FILES[type]}`)];
  return theirs.inode === ours.inode && theirs.device === ours.device;
}
