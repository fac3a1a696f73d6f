/**
 * Which process a number means, told by its pidfd: since Linux 6.9 each has an inode that no other process of the same boot ever has. To ask for it
 * takes two microseconds, to read when a process began, in /proc/PID/stat, fifty. Source: pidfd_open(2), kernel fs/pidfs.c.
 */
import { syscall } from "./binding.ts";
import { check, errno } from "./errno.ts";
import { closeSync, fstatSync } from "./files.ts";

/** PID_FS_MAGIC of linux/magic.h. */
const PID_FS = 0x50494446;
const STATFS_BYTES = 120;
const POLLIN = 1;
/** Of a number that nobody has, or that is a thread's. */
const NOBODY: readonly number[] = [-errno.ESRCH, -errno.EINVAL, -errno.ENOENT];

/** What names the process behind `pidfd` in this boot; undefined on a kernel whose pidfds all have the same inode. */
export function processInode(pidfd: number): number | undefined {
  const status = new DataView(new ArrayBuffer(STATFS_BYTES));
  check(syscall("fstatfs", pidfd, status), "fstatfs", "pidfd");
  return status.getUint32(0, true) === PID_FS ? fstatSync(pidfd).inode : undefined;
}

/** Whether process `pid` of this boot is still the one that `processInode()` told, and has not ended: a zombie has. */
export function isProcess(pid: number, inode: number): boolean {
  const pidfd = syscall("pidfd_open", pid, 0);
  if (NOBODY.includes(pidfd)) return false;
  check(pidfd, "pidfd_open", `${pid}`);
  try {
    // It can be read from when the process has ended.
    const ended = syscall("ppoll", Int32Array.of(pidfd, POLLIN), 1, new BigInt64Array(2), 0);
    return check(ended, "ppoll") === 0 && fstatSync(pidfd).inode === inode;
  } finally {
    closeSync(pidfd);
  }
}
