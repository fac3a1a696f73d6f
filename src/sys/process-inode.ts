/**
 * Which process a number means, told by its pidfd: since Linux 6.9 each has an inode that no other process of the same boot ever has. To ask for it
 * takes two microseconds, to read when a process began, in /proc/PID/stat, fifty. Source: pidfd_open(2), kernel fs/pidfs.c.
 */
import { cString, syscall } from "./binding.ts";
import { check, errno } from "./errno.ts";
import { closeSync } from "./files.ts";

/** PID_FS_MAGIC of linux/magic.h. */
const PID_FS = 0x50494446;
const STATFS_BYTES = 120;
const POLLIN = 1;
const AT_EMPTY_PATH = 0x1000;
const STATX_INO = 0x100;
const STATX_BYTES = 256;
/** Where `struct statx` has it. */
const INODE_AT = 32;
/** Of a number that nobody has, or that is a thread's. */
const NOBODY: readonly number[] = [-errno.ESRCH, -errno.EINVAL, -errno.ENOENT];

/** What names the process behind `pidfd` in this boot; undefined on a kernel whose pidfds all have the same inode. */
export function processInode(pidfd: number): number | undefined {
  const filesystem = new DataView(new ArrayBuffer(STATFS_BYTES));
  check(syscall("fstatfs", pidfd, filesystem), "fstatfs", "pidfd");
  return filesystem.getUint32(0, true) === PID_FS ? inodeOf(pidfd) : undefined;
}

/** Every command asks of every container that runs: nothing is made anew for each. */
const waited = Int32Array.of(-1, POLLIN);
const NOW = new BigInt64Array(2);
const status = new DataView(new ArrayBuffer(STATX_BYTES));
const THIS = cString("");

function inodeOf(descriptor: number): number {
  check(syscall("statx", descriptor, THIS, AT_EMPTY_PATH, STATX_INO, status), "statx", "pidfd");
  return Number(status.getBigUint64(INODE_AT, true));
}

/** Whether process `pid` of this boot is still the one that `processInode()` told, and has not ended: a zombie has. */
export function isProcess(pid: number, inode: number): boolean {
  const pidfd = syscall("pidfd_open", pid, 0);
  if (NOBODY.includes(pidfd)) return false;
  check(pidfd, "pidfd_open", `${pid}`);
  try {
    // It can be read from when the process has ended.
    waited[0] = pidfd;
    return check(syscall("ppoll", waited, 1, NOW, 0), "ppoll") === 0 && inodeOf(pidfd) === inode;
  } finally {
    closeSync(pidfd);
  }
}
