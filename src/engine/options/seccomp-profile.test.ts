import { expect, test } from "bun:test";
import { parseSeccompProfile, type SeccompProfile, seccompOfProfile } from "./seccomp-profile.ts";

const PLACE = { capabilities: ["CAP_CHOWN"], architecture: "x64", kernel: "6.1.0-13-amd64" } as const;
const fail = (why: string) => new Error(why);

test.each([
  { when: {}, holds: true },
  { when: { includes: { caps: ["CAP_CHOWN"] } }, holds: true },
  { when: { includes: { caps: ["CAP_CHOWN", "CAP_BPF"] } }, holds: false },
  { when: { includes: { arches: ["amd64", "x32"] } }, holds: true },
  { when: { includes: { arches: ["arm64"] } }, holds: false },
  { when: { includes: { minKernel: "4.8" } }, holds: true },
  { when: { includes: { minKernel: "6.1" } }, holds: true },
  { when: { includes: { minKernel: "6.10" } }, holds: false },
  { when: { excludes: { caps: ["CAP_CHOWN"] } }, holds: false },
  { when: { excludes: { arches: ["amd64"] } }, holds: false },
  { when: { excludes: { minKernel: "7.0" } }, holds: true },
  { when: { includes: null, excludes: null }, holds: true },
])("a rule with $when holds: $holds", ({ when, holds }) => {
  const rule = { names: ["mount"], action: "SCMP_ACT_ALLOW", ...when };
  const profile: SeccompProfile = { defaultAction: "SCMP_ACT_ERRNO", syscalls: [rule] };
  expect(seccompOfProfile(profile, PLACE).syscalls).toHaveLength(holds ? 1 : 0);
});

test("archMap gives the architectures of this machine, names of both kinds are read, empty lists left out", () => {
  const text = JSON.stringify({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    archMap: [
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    ],
    syscalls: [{ name: "read", action: "SCMP_ACT_ALLOW", args: [] }],
  });
  expect(seccompOfProfile(parseSeccompProfile(text, fail), PLACE)).toEqual({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
  });
});

test.each([
  ["{", "it is no JSON"],
  ["[]", "found array, wants object"],
  [
    '{"defaultAction":"x","architectures":["a"],"archMap":[{"architecture":"b"}]}',
    "use either 'architectures' or 'archMap'",
  ],
  [
    '{"defaultAction":"x","syscalls":[{"name":"a","names":["b"],"action":"x"}]}',
    "use either 'name' or 'names'",
  ],
  ['{"defaultAction":"x","syscalls":[{"action":"x"}]}', "syscalls[0] names no system call"],
])("%s: %s", (text, says) => {
  expect(() => parseSeccompProfile(text, fail)).toThrow(says);
});

test.each<[unknown, string]>([
  [{}, "defaultAction: found nothing, wants string"],
  [null, "found null, wants object"],
  [{ defaultAction: "x", syscalls: { a: 1 } }, "syscalls: found object, wants array"],
  [{ defaultAction: "x", syscalls: [null] }, "syscalls[0]: found null, wants object"],
  [{ defaultAction: "x", syscalls: [{ names: [1], action: "y" }] }, "syscalls[0].names[0]: found number"],
  [{ defaultAction: "x", syscalls: [{ names: ["a"] }] }, "syscalls[0].action: found nothing"],
  [{ defaultAction: "x", syscalls: [{ names: ["a"], action: "y", args: 5 }] }, "args: found number"],
  [{ defaultAction: "x", syscalls: [{ name: "a", action: "y", includes: [] }] }, "includes: found array"],
  [{ defaultAction: "x", archMap: 5 }, "archMap: found number, wants array"],
])("parseSeccompProfile() says where %j has another shape", (value, says) =>
  expect(() => parseSeccompProfile(JSON.stringify(value), fail)).toThrow(says),
);
