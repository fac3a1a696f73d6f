import { describe, expect, test } from "bun:test";
import { checkFilter, runFilter, type SeccompData } from "../../../test/support/bpf.ts";
import type { Seccomp, SeccompArgument, SeccompRule } from "../../spec/index.ts";
import type { Architecture } from "../../sys/index.ts";
import { compileSeccomp } from "./compile.ts";

const FLAGS = { LOG: 2, SPEC_ALLOW: 4, NEW_LISTENER: 8, WAIT_KILLABLE_RECV: 32 };
const EVERY_FLAG = 0x3f;
const AUDIT = { x86_64: 0xc000_003e, x86: 0x4000_0003, aarch64: 0xc000_00b7, arm: 0x4000_0028 };
const NAMES = new Map([
  [0x7fff_0000, "allow"],
  [0x7ffc_0000, "log"],
  [0x7ff0_0001, "trace 1"],
  [0x7ff0_ffff, "trace 65535"],
  [0x7fc0_0000, "notify"],
  [0x3_0000, "trap"],
  [0x8000_0000, "kill process"],
  [0, "kill thread"],
]);

function filter(seccomp: Seccomp, architecture: Architecture = "x64", supportedFlags = EVERY_FLAG) {
  const compiled = compileSeccomp(seccomp, { architecture, supportedFlags });
  checkFilter(compiled.program);
  return compiled;
}

function verdict(seccomp: Seccomp, call: Partial<SeccompData>, architecture: Architecture = "x64"): string {
  const data = { nr: 0, arch: AUDIT.x86_64, args: [0n, 0n, 0n, 0n, 0n, 0n], ...call };
  const { returned } = runFilter(filter(seccomp, architecture).program, data);
  return NAMES.get(returned) ?? `errno ${returned & 0xffff}`;
}

const allow = (names: string[], ...args: SeccompArgument[]): SeccompRule => ({
  names,
  action: "SCMP_ACT_ALLOW",
  args,
});
const only = (...syscalls: SeccompRule[]): Seccomp => ({
  defaultAction: "SCMP_ACT_ERRNO",
  architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  syscalls,
});
const args = (...values: (number | bigint)[]): bigint[] =>
  [...values.map(BigInt), 0n, 0n, 0n, 0n, 0n, 0n].slice(0, 6);

describe("actions", () => {
  test.each([
    ["SCMP_ACT_KILL", undefined, "kill thread"],
    ["SCMP_ACT_KILL_THREAD", undefined, "kill thread"],
    ["SCMP_ACT_KILL_PROCESS", undefined, "kill process"],
    ["SCMP_ACT_TRAP", undefined, "trap"],
    ["SCMP_ACT_ERRNO", undefined, "errno 1"],
    ["SCMP_ACT_ERRNO", 0, "errno 0"],
    ["SCMP_ACT_ERRNO", 4095, "errno 4095"],
    ["SCMP_ACT_TRACE", undefined, "trace 1"],
    ["SCMP_ACT_TRACE", 65535, "trace 65535"],
    ["SCMP_ACT_LOG", undefined, "log"],
    ["SCMP_ACT_NOTIFY", undefined, "notify"],
  ] as const)("%s with errnoRet %p: %s", (action, errnoRet, want) => {
    const rule = { names: ["mkdir"], action, ...(errnoRet === undefined ? {} : { errnoRet }) };
    expect(verdict({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] }, { nr: 83 })).toBe(want);
  });
});

describe("operators", () => {
  const big = 0x1_0000_0005n;
  test.each([
    ["SCMP_CMP_EQ", big, 0n, [big], [5n, 0x2_0000_0005n, 0x1_0000_0004n]],
    ["SCMP_CMP_NE", big, 0n, [5n, 0x2_0000_0005n, 0x1_0000_0004n], [big]],
    ["SCMP_CMP_LT", big, 0n, [5n, 0xffff_ffffn, 0x1_0000_0004n], [big, 0x2_0000_0000n, 0x1_0000_0006n]],
    ["SCMP_CMP_LE", big, 0n, [5n, 0xffff_ffffn, big], [0x2_0000_0000n, 0x1_0000_0006n]],
    ["SCMP_CMP_GT", big, 0n, [0x1_0000_0006n, 0x2_0000_0000n], [big, 6n, 0xffff_ffffn]],
    ["SCMP_CMP_GE", big, 0n, [big, 0x1_0000_0006n, 0x2_0000_0000n], [6n, 0xffff_ffffn]],
    [
      "SCMP_CMP_MASKED_EQ",
      0xff00_0000_00f0n,
      0x1100_0000_0020n,
      [0x1122_3344_5526n],
      [0x1022_3344_5526n, 0x20n],
    ],
    ["SCMP_CMP_MASKED_EQ", 0x7e02_0000, 0, [0n, 0x11n, 0xffff_ffff_0000_0011n], [0x1000_0000n, 0x2_0000n]],
  ] as const)("%s %p %p", (op, value, valueTwo, yes, no) => {
    const profile = only(allow(["mkdir"], { index: 3, op, value, valueTwo }));
    for (const one of yes) expect(verdict(profile, { nr: 83, args: args(0, 0, 0, one) })).toBe("allow");
    for (const one of no) expect(verdict(profile, { nr: 83, args: args(0, 0, 0, one) })).toBe("errno 1");
  });

  test("on 32-bit conventions only the low half is compared, as their programs fill no more", () => {
    const profile = only(allow(["mkdir"], { index: 0, op: "SCMP_CMP_EQ", value: 0xffff_ffff_ffff_ffffn }));
    expect(verdict(profile, { nr: 39, arch: AUDIT.x86, args: args(0xffff_ffff) })).toBe("allow");
    expect(verdict(profile, { nr: 83, args: args(0xffff_ffff) })).toBe("errno 1");
  });
});

describe("several rules and conditions", () => {
  const is = (index: number, value: number): SeccompArgument => ({ index, op: "SCMP_CMP_EQ", value });

  test("conditions on different arguments must all hold", () => {
    const profile = only(allow(["mkdir"], is(0, 1), is(1, 2)));
    expect(verdict(profile, { nr: 83, args: args(1, 2) })).toBe("allow");
    expect(verdict(profile, { nr: 83, args: args(1, 3) })).toBe("errno 1");
  });
  test("conditions on one argument are alternatives, as runc reads old profiles", () => {
    const profile = only(allow(["mkdir"], is(0, 1), is(0, 2), is(1, 7)));
    expect(verdict(profile, { nr: 83, args: args(2, 0) })).toBe("allow");
    expect(verdict(profile, { nr: 83, args: args(9, 7) })).toBe("allow");
    expect(verdict(profile, { nr: 83, args: args(3, 0) })).toBe("errno 1");
  });
  test("any of several rules for a call may hold", () => {
    const profile = only(allow(["mkdir"], is(0, 1)), allow(["mkdir"], is(0, 2)));
    expect(verdict(profile, { nr: 83, args: args(2) })).toBe("allow");
    expect(verdict(profile, { nr: 83, args: args(3) })).toBe("errno 1");
  });
  test("a rule without conditions decides, wherever it stands", () => {
    const errno = { names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 38 } as const;
    expect(verdict(only(allow(["mkdir"], is(0, 1)), errno), { nr: 83, args: args(1) })).toBe("errno 38");
    expect(verdict(only(errno, allow(["mkdir"])), { nr: 83, args: args(1) })).toBe("errno 38");
  });
  test("a rule that repeats the default is no rule", () => {
    const repeats = { names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 1 } as const;
    expect(verdict(only(repeats, allow(["mkdir"], is(0, 1))), { nr: 83, args: args(1) })).toBe("allow");
    expect(filter(only(repeats)).rules).toBe(0);
  });
  test("names that the machine has not are skipped and not counted", () => {
    const { rules } = filter(only(allow(["read", "nonesuch", "s390_runtime_instr", "chown32"])));
    expect(rules).toBe(1);
  });
});

describe("calls newer than the profile", () => {
  const profile = only(allow(["read", "openat2"])); // 437 everywhere; x32's read is 0
  test.each([
    ["between its calls: the default", { nr: 436 }, "errno 1"],
    ["above its newest: ENOSYS", { nr: 438 }, "errno 38"],
    ["above its newest, 32 bits: ENOSYS", { nr: 438, arch: AUDIT.x86 }, "errno 38"],
    ["above its newest, x32: ENOSYS", { nr: 0x4000_01b6 }, "errno 38"],
    ["between x32's: the default", { nr: 0x4000_01b4 }, "errno 1"],
  ])("%s", (_, call, want) => expect(verdict(profile, call)).toBe(want));

  test("a default that lets calls through lets them through", () => {
    for (const [action, want] of [
      ["SCMP_ACT_ALLOW", "allow"],
      ["SCMP_ACT_LOG", "log"],
      ["SCMP_ACT_TRACE", "trace 1"],
    ] as const)
      expect(verdict({ ...profile, defaultAction: action }, { nr: 500 })).toBe(want);
  });
  test("a default that kills does not kill for a new call", () => {
    expect(verdict({ ...profile, defaultAction: "SCMP_ACT_KILL" }, { nr: 500 })).toBe("errno 38");
  });
  test("rules that change nothing count as knowledge", () => {
    expect(
      verdict(only(allow(["read"]), { names: ["mount_setattr"], action: "SCMP_ACT_ERRNO" }), { nr: 441 }),
    ).toBe("errno 1");
  });
  test("a profile without calls knows nothing, and then the default is all there is", () => {
    expect(verdict(only(), { nr: 500 })).toBe("errno 1");
  });
  test("arm's private calls are not newer than the others", () => {
    const arm = { ...only(allow(["read", "set_tls"])), architectures: ["SCMP_ARCH_ARM"] };
    const at = (nr: number): string => verdict(arm, { nr, arch: AUDIT.arm }, "arm64");
    expect([3, 4, 0xeffff, 0xf0001, 0xf0005, 0xf0006, 0xf0800].map(at)).toEqual([
      "allow",
      "errno 38",
      "errno 38",
      "errno 1",
      "allow",
      "errno 1",
      "errno 38",
    ]);
  });
});

describe("architectures", () => {
  const profile = (...names: string[]): Seccomp => ({
    ...only(allow(["read"])),
    architectures: names.map((name) => `SCMP_ARCH_${name}`),
  });
  test("the machine's own is always part of the filter", () => {
    expect(verdict(profile(), { nr: 0 })).toBe("allow");
    expect(verdict(profile("X86"), { nr: 0 })).toBe("allow");
    expect(verdict(profile("ARM"), { nr: 63, arch: AUDIT.aarch64 }, "arm64")).toBe("allow");
  });
  test("one that the profile does not name kills the thread", () => {
    expect(verdict(profile("X86_64"), { nr: 3, arch: AUDIT.x86 })).toBe("kill thread");
    expect(verdict(profile("X86_64"), { nr: 0x4000_0000 })).toBe("kill thread");
    expect(verdict(profile("X86", "X32"), { nr: 0, arch: AUDIT.aarch64 })).toBe("kill thread");
  });
  test("a call that a tracer skipped is not x32", () => {
    expect(verdict(profile("X86_64"), { nr: 0xffff_ffff })).toBe("errno 1");
  });
  test("those of other machines are accepted and cost nothing", () => {
    expect(filter(profile("X86_64", "S390X", "RISCV64", "LOONGARCH64")).instructions).toBe(
      filter(profile("X86_64")).instructions,
    );
  });
});

describe("calls inside socketcall and ipc on 32-bit x86", () => {
  const deny = (names: string[], ...conditions: SeccompArgument[]): Seccomp => ({
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86"],
    syscalls: [{ names, action: "SCMP_ACT_ERRNO", args: conditions }],
  });
  const x86 = (nr: number, ...values: number[]): Partial<SeccompData> => ({
    nr,
    arch: AUDIT.x86,
    args: args(...values),
  });
  const vsock: SeccompArgument = { index: 0, op: "SCMP_CMP_EQ", value: 40 };

  test("a rule for socket holds for socketcall(SYS_SOCKET), and for no other socketcall", () => {
    expect(verdict(deny(["socket"]), x86(102, 1))).toBe("errno 1");
    expect(verdict(deny(["socket"]), x86(359))).toBe("errno 1");
    expect(verdict(deny(["socket"]), x86(102, 2))).toBe("allow");
    expect(verdict(only(allow(["socket"])), x86(102, 1))).toBe("allow");
    expect(verdict(only(allow(["socket"])), x86(102, 2))).toBe("errno 1");
  });
  test("a rule for shmget holds for ipc(SHMGET), whatever version is written beside it", () => {
    expect(verdict(deny(["shmget"]), x86(117, 23))).toBe("errno 1");
    expect(verdict(deny(["shmget"]), x86(117, (1 << 16) | 23))).toBe("errno 1");
    expect(verdict(deny(["shmget"]), x86(117, 24))).toBe("allow");
  });
  test("conditions cannot be seen there: what forbids is kept without them, what permits is not", () => {
    expect(verdict(deny(["socket"], vsock), x86(102, 1))).toBe("errno 1");
    expect(verdict(only(allow(["socket"], { ...vsock, op: "SCMP_CMP_LT" })), x86(102, 1))).toBe("errno 1");
  });
  test("a rule for socketcall itself decides", () => {
    expect(verdict(only(allow(["socket"], vsock), allow(["socketcall"])), x86(102, 1))).toBe("allow");
  });
});

describe("flags", () => {
  const profile = only(allow(["read"]));
  test.each([
    ["none given: SPEC_ALLOW", undefined, FLAGS.SPEC_ALLOW],
    ["an empty list: none", [], 0],
    ["LOG", ["LOG"], FLAGS.LOG],
    ["LOG and SPEC_ALLOW", ["LOG", "SPEC_ALLOW"], FLAGS.LOG | FLAGS.SPEC_ALLOW],
    ["TSYNC: one thread needs none", ["TSYNC"], 0],
  ])("%s", (_, names, want) => {
    const flags = names === undefined ? {} : { flags: names.map((name) => `SECCOMP_FILTER_FLAG_${name}`) };
    expect(filter({ ...profile, ...flags }).flags).toBe(want);
  });
  test("SPEC_ALLOW is left out where the kernel lacks it and nobody asked", () => {
    expect(filter(profile, "x64", FLAGS.LOG).flags).toBe(0);
  });
  test("a rule with NOTIFY asks for a listener", () => {
    const notify = only(allow(["read"]), { names: ["mkdir"], action: "SCMP_ACT_NOTIFY" });
    const wait = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];
    expect(filter({ ...notify, flags: [] })).toMatchObject({ flags: FLAGS.NEW_LISTENER, listener: true });
    expect(filter({ ...notify, flags: wait }).flags).toBe(FLAGS.NEW_LISTENER | FLAGS.WAIT_KILLABLE_RECV);
    expect(filter(profile).listener).toBe(false);
  });
});

describe("what is refused, with its place", () => {
  const rule = (fields: object): Seccomp => only({ ...allow(["mkdir"]), ...fields });
  const argument = (fields: object): Seccomp =>
    only(allow(["mkdir"], { index: 0, op: "SCMP_CMP_EQ", value: 0, ...fields }));
  const sys = "linux.seccomp.syscalls[0]";
  test.each<[string, Seccomp, string]>([
    ["an unknown flag", { ...only(), flags: ["SECCOMP_FILTER_FLAG_X"] }, "linux.seccomp.flags[0]"],
    ["an object's own word as a flag", { ...only(), flags: ["constructor"] }, "linux.seccomp.flags[0]"],
    [
      "waiting killably for nobody",
      { ...only(), flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] },
      "linux.seccomp.flags[0]",
    ],
    [
      "an unknown architecture",
      { ...only(), architectures: ["SCMP_ARCH_VAX"] },
      "linux.seccomp.architectures[0]",
    ],
    ["an errno beyond 4095", rule({ action: "SCMP_ACT_ERRNO", errnoRet: 4096 }), `${sys}.errnoRet`],
    ["a negative errno", rule({ action: "SCMP_ACT_ERRNO", errnoRet: -1 }), `${sys}.errnoRet`],
    ["an errno for what has none", rule({ errnoRet: 1 }), `${sys}.errnoRet`],
    [
      "a default errno for what has none",
      { defaultAction: "SCMP_ACT_KILL", defaultErrnoRet: 1 },
      "linux.seccomp.defaultErrnoRet",
    ],
    ["a seventh argument", argument({ index: 6 }), `${sys}.args[0].index`],
    ["a negative number", argument({ value: -1 }), `${sys}.args[0].value`],
    ["65 bits", argument({ value: 1n << 64n }), `${sys}.args[0].value`],
    ["a number that has lost digits", argument({ value: 2 ** 60 }), `${sys}.args[0].value`],
    [
      "a mask's value of 65 bits",
      argument({ op: "SCMP_CMP_MASKED_EQ", valueTwo: 1n << 64n }),
      `${sys}.args[0].valueTwo`,
    ],
    ["NOTIFY as the default", { defaultAction: "SCMP_ACT_NOTIFY" }, "linux.seccomp.defaultAction"],
    ["NOTIFY for write", rule({ names: ["write"], action: "SCMP_ACT_NOTIFY" }), `${sys}.names`],
  ])("%s", (_, seccomp, path) => {
    expect(() => filter(seccomp)).toThrow(
      expect.objectContaining({ code: "invalid-seccomp", context: expect.objectContaining({ path }) }),
    );
  });
  test("a flag that the kernel lacks", () => {
    const seccomp = { ...only(), flags: ["SECCOMP_FILTER_FLAG_LOG"] };
    expect(() => filter(seccomp, "x64", 0)).toThrow(expect.objectContaining({ code: "invalid-seccomp" }));
  });
});

describe("size", () => {
  const conditions = (count: number): Seccomp =>
    only(
      ...Array.from({ length: count }, (_, value) =>
        allow(["mkdir"], { index: 0, op: "SCMP_CMP_EQ", value: BigInt(value) << 32n }),
      ),
    );
  test("targets beyond 255 instructions are reached", () => {
    const profile = conditions(300);
    expect(filter(profile).instructions).toBeGreaterThan(1000);
    expect(verdict(profile, { nr: 83, args: args(299n << 32n) })).toBe("allow");
    expect(verdict(profile, { nr: 83, args: args(300n << 32n) })).toBe("errno 1");
    expect(verdict(profile, { nr: 82 })).toBe("errno 1");
  });
  test("more than the kernel takes is one clear error", () => {
    expect(() => filter(conditions(2000))).toThrow(expect.objectContaining({ code: "seccomp-too-large" }));
  });
  test("a verdict is found in a balanced search", () => {
    const names = "read open stat lstat lseek mprotect brk rt_sigprocmask ioctl pwrite64".split(" ");
    const profile = { ...only(allow(names)), architectures: [] };
    const { program } = filter(profile);
    const steps = Array.from(
      { length: 20 },
      (_, nr) => runFilter(program, { nr, arch: AUDIT.x86_64, args: [] }).steps,
    );
    // Two loads, the architecture, a return, and the logarithm of some twenty segments.
    expect(Math.max(...steps)).toBeLessThanOrEqual(4 + 5);
  });
});
