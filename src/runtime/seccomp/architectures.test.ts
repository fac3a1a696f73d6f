import { expect, test } from "bun:test";
import { architecture, type SystemCall, systemCallNumber } from "../../sys/index.ts";
import { conventionsOf, type Numbers, numbersOf, seccompArchitectures } from "./architectures.ts";

const table = (name: string): Numbers => {
  const found = [...conventionsOf("x64"), ...conventionsOf("arm64")].find(
    (one) => one.name === `SCMP_ARCH_${name}`,
  );
  if (found === undefined) throw new Error(name);
  return numbersOf(found);
};

test.each([
  // name, x86-64, x32, x86, aarch64, arm
  ["read", 0, 0, 3, 63, 3],
  ["execve", 59, 520, 11, 221, 11],
  ["io_submit", 209, 544, 248, 2, 246],
  ["socket", 41, 41, 359, 198, 281],
  ["socketcall", undefined, undefined, 102, undefined, undefined],
  ["chown32", undefined, undefined, 212, undefined, 212],
  ["newfstatat", 262, 262, undefined, 79, undefined],
  ["fstatat64", undefined, undefined, 300, undefined, 327],
  ["arch_prctl", 158, 158, 384, undefined, undefined],
  ["clone3", 435, 435, 435, 435, 435],
  ["memfd_secret", 447, 447, 447, 447, undefined],
  ["cachestat", 451, 451, 451, 451, 451],
  ["uretprobe", 335, 335, undefined, undefined, undefined],
  ["file_setattr", 469, 469, 469, 469, 469],
  ["set_tls", undefined, undefined, undefined, undefined, 0xf_0005],
  ["sync_file_range2", undefined, undefined, undefined, undefined, 341],
  ["arm_sync_file_range", undefined, undefined, undefined, undefined, 341],
])("%s has its number on every architecture", (name, x8664, x32, x86, aarch64, arm) => {
  expect(["X86_64", "X32", "X86", "AARCH64", "ARM"].map((one) => table(one)[name])).toEqual([
    x8664,
    x32,
    x86,
    aarch64,
    arm,
  ]);
});

test("the generated tables agree with the numbers that src/sys calls by", () => {
  const calls: SystemCall[] = [
    "openat2",
    "mount",
    "clone3",
    "prctl",
    "seccomp",
    "wait4",
    "pidfd_getfd",
    "bpf",
  ];
  const native = numbersOf(conventionsOf(architecture)[0]);
  expect(calls.map((call) => native[call])).toEqual(
    calls.map((call) => systemCallNumber(call, architecture)),
  );
});

test("words of JavaScript are no system calls", () => {
  expect(["constructor", "toString", "valueOf"].map((word) => table("X86")[word])).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("every convention has a name that profiles may use", () => {
  const names = [...conventionsOf("x64"), ...conventionsOf("arm64")].map(({ name }) => name);
  expect(names.filter((name) => !seccompArchitectures().includes(name))).toEqual([]);
});
