import { describe, expect, test } from "bun:test";
import { checkFilter, runFilter } from "../../test/support/bpf.ts";
import { conventionsOf, numbersOf } from "../runtime/seccomp/architectures.ts";
import { compileSeccomp } from "../runtime/seccomp/compile.ts";
import type { Architecture } from "../sys/index.ts";
import { defaultFilter } from "./default-filter.ts";
import { defaultSeccomp } from "./default-seccomp.ts";

/** Docker's default set for a container. */
const DOCKER =
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
    .split(" ")
    .map((name) => `CAP_${name}`);

/** What the default profile answers; the call is of the convention whose name `abi` ends. */
function answer(
  name: string,
  args: readonly number[] = [],
  { capabilities = DOCKER, machine = "x64" as Architecture, abi = "" } = {},
): string {
  const all = conventionsOf(machine);
  const convention = all.find((one) => one.name === `SCMP_ARCH_${abi}`) ?? all[0];
  const number = numbersOf(convention)[name];
  if (number === undefined) throw new Error(`${convention.name} has no ${name}`);
  const { program } = compileSeccomp(defaultSeccomp({ capabilities, architecture: machine }), {
    architecture: machine,
    supportedFlags: 0x3f,
  });
  checkFilter(program);
  const { returned } = runFilter(program, {
    nr: number + convention.numberBit,
    arch: convention.audit,
    args: [0, 1, 2, 3, 4, 5].map((index) => BigInt(args[index] ?? 0)),
  });
  return returned === 0x7fff_0000 ? "allow" : `errno ${returned & 0xffff}`;
}

describe("without more capabilities than docker gives", () => {
  test.each(
    "read openat2 execveat clone chroot mknodat ptrace process_vm_readv seccomp landlock_restrict_self pidfd_open statmount mseal setxattrat arch_prctl modify_ldt".split(
      " ",
    ),
  )("%s goes through", (name) => expect(answer(name)).toBe("allow"));

  test.each(
    "keyctl add_key request_key mount umount2 pivot_root move_mount fsopen setns unshare bpf perf_event_open userfaultfd io_uring_setup io_uring_enter kexec_load init_module open_by_handle_at reboot swapon settimeofday clock_settime syslog mbind kcmp pidfd_getfd iopl quotactl vhangup acct uselib sysfs nfsservctl lsm_set_self_attr".split(
      " ",
    ),
  )("%s fails with EPERM", (name) => expect(answer(name)).toBe("errno 1"));

  test("clone makes threads and processes", () => {
    expect(answer("clone", [0x11])).toBe("allow");
    expect(answer("clone", [0x003d_0f00])).toBe("allow");
  });

  test.each([
    ["CLONE_NEWNS", 0x0002_0000],
    ["CLONE_NEWCGROUP", 0x0200_0000],
    ["CLONE_NEWUTS", 0x0400_0000],
    ["CLONE_NEWIPC", 0x0800_0000],
    ["CLONE_NEWUSER", 0x1000_0000],
    ["CLONE_NEWPID", 0x2000_0000],
    ["CLONE_NEWNET", 0x4000_0000],
  ])("clone with %s fails with EPERM", (_, flag) => {
    expect(answer("clone", [flag | 0x11])).toBe("errno 1");
    expect(answer("clone", [flag | 0x11], { abi: "X86" })).toBe("errno 1");
    expect(answer("clone", [flag | 0x11], { abi: "X32" })).toBe("errno 1");
    expect(answer("clone", [flag | 0x11], { machine: "arm64" })).toBe("errno 1");
  });

  test("clone3 says ENOSYS, so that C libraries take clone", () => {
    expect(answer("clone3")).toBe("errno 38");
  });

  test.each([
    ["AF_UNIX", 1, "allow"],
    ["AF_INET", 2, "allow"],
    ["AF_NETLINK", 16, "allow"],
    ["AF_ALG", 38, "errno 1"],
    ["AF_NFC", 39, "allow"],
    ["AF_VSOCK", 40, "errno 1"],
    ["AF_XDP", 44, "allow"],
  ])("a socket of %s", (_, family, want) => {
    expect(answer("socket", [family])).toBe(want);
    expect(answer("socket", [family], { machine: "arm64", abi: "ARM" })).toBe(want);
  });

  test.each([
    ["PER_LINUX", 0, "allow"],
    ["PER_LINUX32", 8, "allow"],
    ["UNAME26", 0x2_0000, "allow"],
    ["the question", 0xffff_ffff, "allow"],
    ["ADDR_NO_RANDOMIZE", 0x4_0000, "errno 1"],
    ["MMAP_PAGE_ZERO", 0x10_0000, "errno 1"],
  ])("personality %s", (_, persona, want) => expect(answer("personality", [persona])).toBe(want));
});

describe("a capability brings back the calls that it is about", () => {
  test.each([
    ["CAP_SYS_ADMIN", ["mount", "setns", "unshare", "clone3", "bpf", "fsopen", "quotactl_fd", "sethostname"]],
    ["CAP_BPF", ["bpf"]],
    ["CAP_PERFMON", ["perf_event_open"]],
    ["CAP_DAC_READ_SEARCH", ["open_by_handle_at"]],
    ["CAP_SYS_BOOT", ["reboot"]],
    ["CAP_SYS_CHROOT", ["chroot"]],
    ["CAP_SYS_MODULE", ["init_module", "finit_module", "delete_module"]],
    ["CAP_SYS_NICE", ["mbind", "set_mempolicy"]],
    ["CAP_SYS_PACCT", ["acct"]],
    ["CAP_SYS_PTRACE", ["kcmp", "pidfd_getfd", "process_madvise"]],
    ["CAP_SYS_RAWIO", ["iopl", "ioperm"]],
    ["CAP_SYS_TIME", ["settimeofday", "clock_settime"]],
    ["CAP_SYS_TTY_CONFIG", ["vhangup"]],
    ["CAP_SYSLOG", ["syslog"]],
  ])("%s: %p", (capability, names) => {
    for (const name of names) {
      expect(answer(name, [], { capabilities: [] })).not.toBe("allow");
      expect(answer(name, [], { capabilities: [capability] })).toBe("allow");
    }
  });
  test("CAP_SYS_ADMIN lets clone make namespaces", () => {
    expect(answer("clone", [0x1000_0000], { capabilities: ["CAP_SYS_ADMIN"] })).toBe("allow");
  });
  test("none brings back keyctl or userfaultfd", () => {
    const capabilities = ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_MODULE", "CAP_BPF"];
    for (const name of ["keyctl", "userfaultfd", "io_uring_setup", "kexec_load"])
      expect(answer(name, [], { capabilities })).toBe("errno 1");
  });
});

describe("32-bit programs", () => {
  test.each([
    ["x64", "X86", "chown32"],
    ["x64", "X86", "clock_gettime64"],
    ["x64", "X86", "waitpid"],
    ["x64", "X32", "execve"],
    ["arm64", "ARM", "set_tls"],
    ["arm64", "ARM", "cacheflush"],
    ["arm64", "ARM", "mmap2"],
  ] as const)("%s, %s: %s goes through", (machine, abi, name) => {
    expect(answer(name, [], { machine, abi })).toBe("allow");
  });
});

test("every name is a system call of one of its machine's conventions, and none stands there twice", () => {
  for (const machine of ["x64", "arm64"] as const) {
    const [first] = defaultSeccomp({ capabilities: [], architecture: machine }).syscalls ?? [];
    const names = first?.names ?? [];
    expect(new Set(names).size).toBe(names.length);
    const known = new Set(
      (["x64", "arm64"] as const).flatMap((one) =>
        conventionsOf(one).flatMap((two) => Object.keys(numbersOf(two))),
      ),
    );
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  }
});

describe("the program that comes with teu", () => {
  test.each(["x64", "arm64"] as const)("is what the default profile compiles to, on %s", (architecture) => {
    const { profile, program } = defaultFilter({ capabilities: DOCKER, architecture });
    expect(program).toEqual(compileSeccomp(profile, { architecture, supportedFlags: 0 }).program);
  });

  test("is for the default capabilities alone", () => {
    const more = defaultFilter({ capabilities: [...DOCKER, "CAP_SYS_ADMIN"], architecture: "x64" });
    expect(more.program).toBeUndefined();
    expect(defaultFilter({ capabilities: [], architecture: "x64" }).program).toBeUndefined();
  });
});
