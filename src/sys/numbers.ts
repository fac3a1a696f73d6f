/** System call numbers of the two architectures that teu runs on, for the calls that it makes. Source: kernel unistd.h. */

/** name: [x86_64, aarch64]; -1 where an architecture has not the call. */
const NUMBERS = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  poll: [7, -1],
  mmap: [9, 222],
  rt_sigprocmask: [14, 135],
  rt_sigtimedwait: [128, 137],
  ioctl: [16, 29],
  dup3: [292, 24],
  socketpair: [53, 199],
  sendmsg: [46, 211],
  recvmsg: [47, 212],
  connect: [42, 203],
  socket: [41, 198],
  wait4: [61, 260],
  kill: [62, 129],
  fcntl: [72, 25],
  ftruncate: [77, 46],
  getdents64: [217, 61],
  fchmod: [91, 52],
  fchown: [93, 55],
  umask: [95, 166],
  getppid: [110, 173],
  getpid: [39, 172],
  setsid: [112, 157],
  setpgid: [109, 154],
  setgroups: [116, 159],
  setresuid: [117, 147],
  setresgid: [119, 149],
  capset: [126, 91],
  fstatfs: [138, 44],
  prctl: [157, 167],
  chroot: [161, 51],
  sync: [162, 81],
  mount: [165, 40],
  umount2: [166, 39],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  chdir: [80, 49],
  fchdir: [81, 50],
  getcwd: [79, 17],
  pivot_root: [155, 41],
  setxattr: [188, 5],
  lsetxattr: [189, 6],
  fsetxattr: [190, 7],
  lgetxattr: [192, 9],
  fgetxattr: [193, 10],
  llistxattr: [195, 12],
  flistxattr: [196, 13],
  lremovexattr: [198, 15],
  exit_group: [231, 94],
  add_key: [248, 217],
  keyctl: [250, 219],
  ioprio_set: [251, 30],
  openat: [257, 56],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  fchownat: [260, 54],
  newfstatat: [262, 79],
  unlinkat: [263, 35],
  linkat: [265, 37],
  symlinkat: [266, 36],
  readlinkat: [267, 78],
  fchmodat: [268, 53],
  faccessat: [269, 48],
  unshare: [272, 97],
  utimensat: [280, 88],
  prlimit64: [302, 261],
  syncfs: [306, 267],
  setns: [308, 268],
  renameat2: [316, 276],
  seccomp: [317, 277],
  memfd_create: [319, 279],
  execveat: [322, 281],
  execve: [59, 221],
  statx: [332, 291],
  pidfd_send_signal: [424, 424],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  pidfd_open: [434, 434],
  clone3: [435, 435],
  close_range: [436, 436],
  openat2: [437, 437],
  pidfd_getfd: [438, 438],
  faccessat2: [439, 439],
  mount_setattr: [442, 442],
  personality: [135, 92],
  sched_setattr: [314, 274],
  sched_setaffinity: [203, 122],
  flock: [73, 32],
  ppoll: [271, 73],
  fsync: [74, 82],
  bpf: [321, 280],
} as const satisfies Record<string, readonly [number, number]>;

/** A system call that teu makes, by its name in the kernel. */
export type SystemCall = keyof typeof NUMBERS;
/** The architectures that teu runs on, as Node names them. */
export type Architecture = "x64" | "arm64";

/** The number of `call` on `architecture`; -1 where it has not the call. */
export function systemCallNumber(call: SystemCall, architecture: Architecture): number {
  return NUMBERS[call][architecture === "x64" ? 0 : 1];
}

/** The name of the call with this number, for printing. */
export function systemCallName(number: number, architecture: Architecture): SystemCall | undefined {
  const column = architecture === "x64" ? 0 : 1;
  for (const [name, numbers] of Object.entries(NUMBERS))
    if (numbers[column] === number) return name as SystemCall;
  return undefined;
}
