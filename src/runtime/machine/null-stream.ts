/**
 * Standard streams that are the host's null device, for a process that comes into a container: with the host's inode in hand root
 * of the container could change its owner, mode and times for everybody. What create starts gets the container's own device; by
 * the time of an exec the container may have put anything in its place.
 */
import {
  check,
  closeSync,
  cString,
  errno,
  O,
  openSync,
  readLinkIfAnySync,
  syscall,
} from "../../sys/index.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  MOUNT_ATTR_BYTES,
  MOUNT_ATTR_RDONLY,
  O_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../compile/constants.ts";

const NULL = "/dev/null";

type Streams = readonly [number, number, number];

/** What descriptors are open on, by the kernel's names; empty for one that is not open. */
export function streamNames(stdio: readonly number[]): string[] {
  return stdio.map((descriptor) => readLinkIfAnySync(`/proc/self/fd/${descriptor}`) ?? "");
}

/**
 * `stdio`, with a descriptor of our own where one is the null device: through a mount that is read-only, which a device that is read
 * and written does not ask, but whatever changes its inode does. Disposing closes it.
 */
export function guardedStreams(stdio: Streams): { readonly stdio: Streams } & Disposable {
  const names = streamNames(stdio);
  const guarded = names.includes(NULL) ? openGuarded() : undefined;
  const own = (stream: 0 | 1 | 2): number =>
    guarded !== undefined && names[stream] === NULL ? guarded : stdio[stream];
  return {
    stdio: [own(0), own(1), own(2)],
    [Symbol.dispose]() {
      if (guarded !== undefined) closeSync(guarded);
    },
  };
}

/** Undefined where we may not mount: then the inode is not the container's to change either. */
function openGuarded(): number | undefined {
  const tree = syscall("open_tree", AT_FDCWD, cString(NULL), OPEN_TREE_CLONE | O_CLOEXEC);
  if (tree === -errno.EPERM) return undefined;
  check(tree, "open_tree", NULL);
  try {
    const attributes = BigUint64Array.of(BigInt(MOUNT_ATTR_RDONLY), 0n, 0n, 0n);
    check(
      syscall("mount_setattr", tree, cString(""), AT_EMPTY_PATH, attributes, MOUNT_ATTR_BYTES),
      "mount_setattr",
      NULL,
    );
    return openSync(`/proc/self/fd/${tree}`, O.RDWR | O_CLOEXEC);
  } finally {
    closeSync(tree);
  }
}
