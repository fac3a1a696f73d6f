/** Numbers of the kernel's interfaces that plans use, by their names in the kernel's headers. */
import { O } from "../../sys/index.ts";

export const O_RDWR = O.RDWR;
export const O_WRONLY = O.WRONLY;
export const O_NOCTTY = O.NOCTTY;
export const O_DIRECTORY = O.DIRECTORY;
export const O_CREAT = O.CREAT;
export const O_EXCL = O.EXCL;
export const O_NONBLOCK = O.NONBLOCK;
export const O_NOFOLLOW = O.NOFOLLOW;
export const O_CLOEXEC = O.CLOEXEC;
export const O_PATH = O.PATH;

export const F_SETFD = 2;
export const F_DUPFD_CLOEXEC = 1030;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EACCESS = 0x200;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;

export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

export const CLONE_NEWTIME = 0x00000080;
export const CLONE_PARENT = 0x00008000;
export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWCGROUP = 0x02000000;
export const CLONE_NEWUTS = 0x04000000;
export const CLONE_NEWIPC = 0x08000000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;

export const OPEN_TREE_CLONE = 1;
export const FSOPEN_CLOEXEC = 1;
export const FSMOUNT_CLOEXEC = 1;
export const FSCONFIG_SET_FLAG = 0;
export const FSCONFIG_SET_STRING = 1;
export const FSCONFIG_CMD_CREATE = 6;
export const FSCONFIG_CMD_RECONFIGURE = 7;
export const FSPICK_CLOEXEC = 1;
export const FSPICK_EMPTY_PATH = 8;
export const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

export const MOUNT_ATTR_RDONLY = 0x01;
export const MOUNT_ATTR_NOSUID = 0x02;
export const MOUNT_ATTR_NODEV = 0x04;
export const MOUNT_ATTR_NOEXEC = 0x08;
export const MOUNT_ATTR__ATIME = 0x70;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_NODIRATIME = 0x80;
export const MOUNT_ATTR_IDMAP = 0x100000;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;
/** `struct mount_attr`: attr_set, attr_clr, propagation, userns_fd. */
export const MOUNT_ATTR_BYTES = 32;

export const MS_MOVE = 0x2000;
export const MS_UNBINDABLE = 1 << 17;
export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;
export const MS_SHARED = 1 << 20;
export const MNT_DETACH = 2;

export const S_IFLNK = 0o120000;
export const S_IFDIR = 0o040000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFMT = 0o170000;

export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BYTES = 256;
/** Offsets in `struct statx`. */
export const STX_MODE = 28;
export const STX_RDEV_MAJOR = 128;
export const STX_RDEV_MINOR = 132;

export const TIOCSCTTY = 0x540e;
export const TIOCSWINSZ = 0x5414;
export const TIOCSPTLCK = 0x40045431;
export const TIOCGPTPEER = 0x5441;
export const DEVPTS_SUPER_MAGIC = 0x1cd1n;
export const PROC_SUPER_MAGIC = 0x9fa0n;
export const STATFS_BYTES = 120;

export const PR_SET_PDEATHSIG = 1;
export const PR_SET_DUMPABLE = 4;
export const PR_SET_KEEPCAPS = 8;
export const PR_SET_NAME = 15;
export const PR_CAPBSET_DROP = 24;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_CAP_AMBIENT = 47;
export const PR_CAP_AMBIENT_RAISE = 2;
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;
export const SIGKILL = 9;

export const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
export const SECCOMP_SET_MODE_FILTER = 1;
export const CLOSE_RANGE_CLOEXEC = 4;
export const KEYCTL_JOIN_SESSION_KEYRING = 1;

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_NETLINK = 16;
export const NETLINK_ROUTE = 0;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = 0x80000;
export const SIOCSIFFLAGS = 0x8914;
export const IFF_UP = 1;

/** Every bit of a register. */
export const ALL = 0xffff_ffff_ffff_ffffn;
/** Set in a register that holds -errno. */
export const NEGATIVE = 0x8000_0000_0000_0000n;
