/**
 * Why a program of the runtime's suites fails here. Most of them fail under runc too, since they ask for what the specification
 * or the kernel no longer has; the few that runc passes are listed apart, with what it takes to pass them.
 */

const NOT_MOUNTED = "this machine's kernel has no such cgroup v1 controller";
const GONE = "the kernel has had no such files since 5.0";
const COMPARES_POINTERS = "the suite compares the addresses of the limits, not the limits";
const NO_MODULE = "this machine's kernel has no such security module";

/** Of the validation programs of opencontainers/runtime-tools, by their names. */
export const VALIDATION_REASONS: Readonly<Record<string, string>> = {
  delete: "callers of runc rely on that a created container can be deleted",
  delete_resources: COMPARES_POINTERS,
  hooks: "the suite expects other words than those that its own hooks write",
  hooks_stdin: "the specification has since said that the status is `creating` when prestart hooks run",
  linux_cgroups_blkio: GONE,
  linux_cgroups_hugetlb: NOT_MOUNTED,
  linux_cgroups_memory: "limits of kernel memory are not recommended any more, and the kernel ignores them",
  linux_cgroups_network: NOT_MOUNTED,
  linux_cgroups_pids: COMPARES_POINTERS,
  linux_cgroups_relative_blkio: GONE,
  linux_cgroups_relative_hugetlb: NOT_MOUNTED,
  linux_cgroups_relative_memory: "as linux_cgroups_memory",
  linux_cgroups_relative_network: NOT_MOUNTED,
  linux_cgroups_relative_pids: COMPARES_POINTERS,
  linux_mount_label: NO_MODULE,
  linux_process_apparmor_profile: NO_MODULE,
  linux_seccomp: "its profile forbids getcwd, by which the working directory is checked (CVE-2024-21626)",
  misc_props: "the suite's bundle lacks the program that its container is to run",
  process_capabilities: "it asks for all capabilities, and this machine's root does not have them all",
  process_capabilities_fail: "the specification has since said that unknown capabilities are only warned of",
  process_rlimits: "the suite's own Go runtime raises its soft limit of open files",
  poststart_fail: "the specification has since said that a failed poststart hook stops the container",
  prestart: "the specification has since said that prestart hooks run at create",
  start: "a document without a process is refused at create already, as by runc",
};

/** Of the same programs: what this runc passes, or passes now and then, and we need not. */
export const VALIDATION_EXCUSED: Readonly<Record<string, string>> = {
  linux_ns_itype:
    "mounts without a mount namespace are refused: runc makes them on the host, and leaves them there",
  mounts:
    "it gives bind mounts the options of a tmpfs, which are refused as by runc since 1.2: the kernel ignores them",
  pidfile: "it kills a container that may have ended by itself before, and whose end is then told",
};

/** Of the groups and tests (`group/test`) of youki's contest; elsewhere contest's own words stand. */
export const CONTEST_REASONS: Readonly<Record<string, string>> = {
  cgroup_v1_blkio: GONE,
  checkpoint_restore: "Debian's CRIU knows no way on a kernel that is so much newer",
  exec_cpu_affinity: "it looks for lines of newer runc's debug log",
  net_devices: "this machine's kernel cannot make dummy devices",
  poststop_fail:
    "it wants what it calls itself not the specification's: a failed poststop hook is only warned of",
  "process_capabilities/process_capabilities_test":
    "it asks for inheritable capabilities outside of the bounding set, which the kernel refuses",
};

/** Of the same tests: what this runc passes and we need not. */
export const CONTEST_EXCUSED: Readonly<Record<string, string>> = {
  "cgroup_v1_pids/zero_pid_limit": "0 is a limit, as the specification has it since 1.3 and runc since 1.4",
  "hooks/hooks":
    "its startContainer hooks write to a path of the host's and fail, and a failed one stops the container; runc 1.1 runs poststart hooks before them",
  "ns_itype/ns_itype":
    "mounts without a mount namespace are refused: runc makes them on the host, and leaves them there",
  "readonly_paths/readonly_rel_paths": "the specification wants absolute paths, and others are refused",
};

const DEBUG_LINES = "it looks for lines of runc's own machinery in the debug log";
const LATE_REAPER =
  "the processes are dead, and this machine's init reaps them now and then later than the test waits";
const NO_HOST = "it needs what this machine lacks, under runc too";

/** Of runc's own tests, by file or `file: test`: what its newest runc passes and we need not, or neither does. */
export const BATS_REASONS: Readonly<Record<string, string>> = {
  "capabilities: runc run [ambient caps not set in inheritable result in a warning]":
    "nothing is told of it: callers read the log of a create as one object, and all of Debian's runc's own documents have such capabilities",
  "cgroups: runc run (hugetlb limits)": NO_HOST,
  checkpoint: "Debian's CRIU knows no way on a kernel that is so much newer",
  "cpu_affinity: runc exec [CPU affinity, initial and final set from config.json]": DEBUG_LINES,
  "cpu_affinity: runc exec [CPU affinity, initial and final set from process.json]": DEBUG_LINES,
  "cpu_affinity: runc exec [CPU affinity, only initial set from process.json]": DEBUG_LINES,
  "create: runc create[detect fd leak as comprehensively as possible]":
    "init holds a second fifo at the gate, by which `start` learns that the program runs, or why not",
  debug: DEBUG_LINES,
  "delete: runc delete [host pidns + init gone]": LATE_REAPER,
  "delete: runc delete --force [host pidns + init gone]": LATE_REAPER,
  "exec: runc --debug --log exec": DEBUG_LINES,
  "exec: runc --debug exec": DEBUG_LINES,
  "host-mntns: runc run [host mount ns + hooks]":
    "mounts without a mount namespace are refused: runc makes them on the host, and leaves them there",
  "kill: kill KILL [host pidns + init gone]": LATE_REAPER,
  "mounts: runc run [mount order, container bind-mount source]":
    "its destinations begin with the host's path of the root: by the specification they are inside the container; without it all four pass",
  "mounts: runc run [mount order, container bind-mount source] (userns)": "as before",
  "mounts: runc run [mount order, container idmap source]": "as before",
  "mounts: runc run [mount order, container idmap source] (userns)": "as before",
  "mounts: runc run [tmpfs mount mode= inherit]":
    "the mode is that of the directory, but it is set on the mount's root and not shown among its options",
  mounts_recursive: NO_HOST,
  mounts_sshfs:
    "a bind keeps what its source's mount is (read-only, nosuid, nodev, noexec, access times) unless the document says otherwise; runc takes it away when any option is given",
  "pidfd-socket: runc create [ --pidfd-socket ] ":
    "at the gate a signal that comes by the descriptor and not by `kill` ends init only if it is KILL: it is PID 1 of its namespace, and no Go program that handles others",
  "rlimits: runc exec with RLIMIT_NOFILE(Bigger than system's hard value)": NO_HOST,
  "rlimits: runc run with RLIMIT_NOFILE(Bigger than system's hard value)": NO_HOST,
  "run: runc run [/proc/self/exe clone]": DEBUG_LINES,
  "run: runc run [execve error]":
    "`run` itself tells that the program cannot be executed, in its log; runc's container writes it to its own standard error",
  "scheduler: scheduler vs cpus": "it wants runc's words where the kernel refuses",
  "seccomp-notify: runc run [seccomp] (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)": DEBUG_LINES,
  "seccomp: runc run [seccomp] (SECCOMP_FILTER_FLAG_*)": DEBUG_LINES,
  "spec: spec validator": "it clones the specification",
  "update: update devices [minimal transition rules]":
    'a device rule of it has the access "rwa", which is none and is refused; runc takes no notice',
};
