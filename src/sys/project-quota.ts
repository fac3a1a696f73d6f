/**
 * Quotas of projects: a directory, and all that is made in it, belongs to a project, and a project may take so many bytes.
 * Source: ioctl FS_IOC_FSGETXATTR (linux/fs.h), quotactl_fd(2), linux/quota.h, linux/dqblk_xfs.h. Results: -errno, as of the kernel.
 */
import { syscall } from "./binding.ts";

const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
/** `struct fsxattr`: flags, extent size, extents, project, two more. */
const FSXATTR_BYTES = 28;
const FLAGS_AT = 0;
const PROJECT_AT = 12;
const FS_XFLAG_PROJINHERIT = 0x200;

const PRJQUOTA = 2;
const [Q_GETQUOTA, Q_SETQUOTA] = [0x800007, 0x800008].map((command) => (command << 8) | PRJQUOTA) as [
  number,
  number,
];
/** `struct if_dqblk`: eight words of 64 bits, then which of them are valid. Limits in blocks of 1 KiB. */
const DQBLK_BYTES = 72;
const [HARD_AT, SOFT_AT, SPACE_AT, INODES_AT, VALID_AT] = [0, 8, 16, 40, 64];
const QIF_BLIMITS = 1;
const BLOCK_BYTES = 1024;

/** What a project takes, and may take. */
export interface ProjectUse {
  readonly bytes: number;
  readonly inodes: number;
  /** 0: no limit. */
  readonly limitBytes: number;
}

/** The project that an open directory belongs to; 0: none. */
export function projectOf(directory: number): number {
  const attributes = new DataView(new ArrayBuffer(FSXATTR_BYTES));
  const result = syscall("ioctl", directory, FS_IOC_FSGETXATTR, attributes);
  return result < 0 ? result : attributes.getUint32(PROJECT_AT, true);
}

/** Has an open directory, and what is made in it from now on, belong to `project`. */
export function setProject(directory: number, project: number): number {
  const attributes = new DataView(new ArrayBuffer(FSXATTR_BYTES));
  const read = syscall("ioctl", directory, FS_IOC_FSGETXATTR, attributes);
  if (read < 0) return read;
  attributes.setUint32(FLAGS_AT, attributes.getUint32(FLAGS_AT, true) | FS_XFLAG_PROJINHERIT, true);
  attributes.setUint32(PROJECT_AT, project, true);
  return syscall("ioctl", directory, FS_IOC_FSSETXATTR, attributes);
}

/** What `project` takes of the file system of an open file. */
export function useOfProject(file: number, project: number): ProjectUse | number {
  const block = new DataView(new ArrayBuffer(DQBLK_BYTES));
  const result = syscall("quotactl_fd", file, Q_GETQUOTA, project, block);
  if (result < 0) return result;
  const word = (at: number): number => Number(block.getBigUint64(at, true));
  return { bytes: word(SPACE_AT), inodes: word(INODES_AT), limitBytes: word(HARD_AT) * BLOCK_BYTES };
}

/** Lets `project` take no more than `bytes`, to the next KiB; 0: as much as there is. */
export function limitProject(file: number, project: number, bytes: number): number {
  const block = new DataView(new ArrayBuffer(DQBLK_BYTES));
  const blocks = BigInt(Math.ceil(bytes / BLOCK_BYTES));
  for (const at of [HARD_AT, SOFT_AT]) block.setBigUint64(at, blocks, true);
  block.setUint32(VALID_AT, QIF_BLIMITS, true);
  return syscall("quotactl_fd", file, Q_SETQUOTA, project, block);
}
