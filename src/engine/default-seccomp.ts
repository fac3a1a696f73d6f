/**
 * The seccomp profile of a container that asks for none: what docker's default profile permits, so that an image
 * that runs there runs here, and no more.
 *
 * It is a list of what is permitted; the rest fails with EPERM. Left out are calls that reach beyond the container's
 * namespaces (mount, keyctl, kexec_load …), that few programs use and many exploits did (userfaultfd, io_uring, bpf,
 * AF_ALG …), or that are gone from kernels (uselib, sysfs …); a capability that is about such a call brings it back.
 * Source of the facts: moby, profiles/seccomp.
 */
import type { Seccomp, SeccompArgument, SeccompRule } from "../spec/index.ts";
import type { Architecture } from "../sys/index.ts";

/** Permitted to everyone, by topic. 32-bit programs know some of them under names of their own. */
const EVERYONE: Readonly<Record<string, string>> = {
  "reading and writing": `
    read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek sendfile sendfile64 splice tee
    vmsplice copy_file_range readahead fadvise64 fadvise64_64 fallocate ftruncate ftruncate64 truncate truncate64
    cachestat sync syncfs fsync fdatasync sync_file_range ioctl`,
  "asynchronous reading and writing; io_uring is not here: it makes calls that no filter sees": `
    io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64`,
  descriptors: `
    open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 flock pipe pipe2 memfd_create memfd_secret
    eventfd eventfd2 signalfd signalfd4`,
  "names, directories and links": `
    chdir fchdir getcwd getdents getdents64 mkdir mkdirat rmdir link linkat symlink symlinkat readlink readlinkat unlink
    unlinkat rename renameat renameat2 umask name_to_handle_at mknod mknodat`,
  "what is known of a file": `
    stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx statfs statfs64 fstatfs fstatfs64 statmount
    listmount access faccessat faccessat2 chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown
    lchown32 utime utimes utimensat utimensat_time64 futimesat`,
  "extended attributes": `
    getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr flistxattr
    listxattrat removexattr lremovexattr fremovexattr removexattrat`,
  "watching files": `
    inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark`,
  "waiting for descriptors": `
    select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
    epoll_wait epoll_wait_old epoll_pwait epoll_pwait2`,
  memory: `
    brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall mseal
    remap_file_pages membarrier pkey_alloc pkey_free pkey_mprotect map_shadow_stack`,
  "processes and threads; clone has a rule of its own": `
    fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid getpgrp getsid setpgid
    setsid set_tid_address set_thread_area get_thread_area set_robust_list get_robust_list rseq prctl uretprobe
    pidfd_open pidfd_send_signal process_mrelease restart_syscall`,
  "reading another process: ptrace cannot get round a filter since Linux 4.8": `
    ptrace process_vm_readv process_vm_writev`,
  futexes: `
    futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue`,
  signals: `
    kill tkill tgkill rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn pause`,
  "scheduling and limits": `
    sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler
    sched_yield getpriority setpriority ioprio_get ioprio_set getrlimit setrlimit ugetrlimit prlimit64 getrusage times
    getcpu`,
  "time and timers; setting the clock needs CAP_SYS_TIME in the kernel": `
    time gettimeofday adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
    clock_gettime64 clock_nanosleep clock_nanosleep_time64 nanosleep alarm getitimer setitimer timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64`,
  "users and rights; seccomp and landlock only take away": `
    getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32
    getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32
    setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 setgroups setgroups32 capget capset seccomp
    landlock_create_ruleset landlock_add_rule landlock_restrict_self`,
  "sockets; socket has a rule of its own, which 32-bit x86 can avoid by socketcall": `
    socketpair socketcall bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt send
    sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`,
  "System V and POSIX IPC, of the container's own namespace": `
    ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget mq_open
    mq_unlink mq_notify mq_getsetattr mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64`,
  "the system": `
    uname sysinfo getrandom`,
};

/** Permitted on one machine: what its programs cannot start without. */
const MACHINE: Readonly<Record<Architecture, string>> = {
  x64: "arch_prctl modify_ldt",
  arm64: "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
};

/** Permitted with a capability of the container's bounding set: the kernel asks for that one, or the call is about it. */
const WITH_CAPABILITY: Readonly<Record<string, string>> = {
  CAP_BPF: "bpf",
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_PERFMON: "perf_event_open",
  CAP_SYS_ADMIN: `
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
    lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname
    sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module init_module finit_module",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise",
  CAP_SYS_RAWIO: "iopl ioperm",
  CAP_SYS_TIME: "settimeofday stime clock_settime clock_settime64",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYSLOG: "syslog",
};

const ARCHITECTURES: Readonly<Record<Architecture, readonly string[]>> = {
  x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
};

const EPERM = 1;
const ENOSYS = 38;
const AF_ALG = 38;
const AF_VSOCK = 40;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACES = 0x7e02_0000;
/** PER_LINUX and PER_LINUX32, each with and without UNAME26, and the question which one it is. */
const PERSONALITIES = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/**
 * The default profile for a container with this bounding set.
 * @param capabilities  As in config.json: `CAP_SYS_ADMIN`.
 */
export function defaultSeccomp({
  capabilities,
  architecture,
}: {
  capabilities: readonly string[];
  architecture: Architecture;
}): Seccomp {
  const unlocked = capabilities.map((name) =>
    Object.hasOwn(WITH_CAPABILITY, name) ? WITH_CAPABILITY[name] : "",
  );
  const permitted = [...Object.values(EVERYONE), MACHINE[architecture], ...unlocked]
    .join(" ")
    .trim()
    .split(/\s+/);
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: ARCHITECTURES[architecture],
    syscalls: [
      { names: permitted, action: "SCMP_ACT_ALLOW" },
      // Every family but the kernel's crypto (AF_ALG) and the way to the hypervisor (AF_VSOCK), which no namespace holds.
      permit("socket", { op: "SCMP_CMP_LT", value: AF_ALG }),
      permit("socket", { op: "SCMP_CMP_EQ", value: AF_ALG + 1 }),
      permit("socket", { op: "SCMP_CMP_GT", value: AF_VSOCK }),
      // Others switch off address randomisation or map page zero.
      ...PERSONALITIES.map((value) => permit("personality", { op: "SCMP_CMP_EQ", value })),
      ...(capabilities.includes("CAP_SYS_ADMIN") ? [] : withoutNamespaces()),
    ],
  };
}

/**
 * Who may make no namespaces may still make threads. The flags of clone3 lie in memory, where no filter can look:
 * ENOSYS makes C libraries take clone instead.
 */
function withoutNamespaces(): SeccompRule[] {
  return [
    permit("clone", { op: "SCMP_CMP_MASKED_EQ", value: NEW_NAMESPACES, valueTwo: 0 }),
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
  ];
}

/** `name`, when its first argument fits. */
function permit(name: string, condition: Omit<SeccompArgument, "index">): SeccompRule {
  return { names: [name], action: "SCMP_ACT_ALLOW", args: [{ index: 0, ...condition }] };
}
