/** The compiled filter against the plain meaning of the profile, for profiles and calls that nobody thought of. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { checkFilter, runFilter, type SeccompData } from "../../../test/support/bpf.ts";
import { type Convention, meaningOf } from "../../../test/support/seccomp-meaning.ts";
import {
  type Seccomp,
  type SeccompArgument,
  type SeccompRule,
  seccompActions,
  seccompOperators,
} from "../../spec/index.ts";
import type { Architecture } from "../../sys/index.ts";
import { conventionsOf, numbersOf } from "./architectures.ts";
import { compileSeccomp } from "./compile.ts";

const EVERY_FLAG = 0x3f;
const AUDIT = { x86_64: 0xc000_003e, x86: 0x4000_0003, aarch64: 0xc000_00b7, arm: 0x4000_0028 };

const conventions = (architecture: Architecture): Convention[] =>
  conventionsOf(architecture).map((one) => ({
    name: one.name,
    audit: one.audit,
    bits: one.width,
    numbers: new Map(Object.entries(numbersOf(one))),
  }));
const interesting = fc.oneof(
  fc.constantFrom(
    0n,
    1n,
    2n,
    22n,
    0xffff_ffffn,
    0x1_0000_0000n,
    0x1_0000_0001n,
    0xffff_ffff_ffff_ffffn,
    0x8000_0000n,
  ),
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  fc.bigInt({ min: 0n, max: 40n }),
);
const name = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom("read", "write", "openat", "clone", "socket", "statx", "nonesuch"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("socketcall", "ipc", "bind", "recv", "shmget", "semtimedop", "socketpair"),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("set_tls", "cacheflush", "sync_file_range2", "listns", "arch_prctl"),
  },
  { weight: 2, arbitrary: fc.constantFrom(...Object.keys(numbersOf(conventionsOf("x64")[0]))) },
);
const argument: fc.Arbitrary<SeccompArgument> = fc.record({
  index: fc.nat({ max: 5 }),
  op: fc.constantFrom(...seccompOperators),
  value: interesting,
  valueTwo: interesting,
});
const rule: fc.Arbitrary<SeccompRule> = fc
  .record({
    names: fc.array(name, { minLength: 1, maxLength: 12 }),
    action: fc.constantFrom(...seccompActions),
    errnoRet: fc.nat({ max: 4095 }),
    args: fc.oneof(fc.constant([]), fc.array(argument, { maxLength: 4 })),
  })
  .map(({ errnoRet, ...rule }) =>
    rule.action === "SCMP_ACT_ERRNO" || rule.action === "SCMP_ACT_TRACE" ? { ...rule, errnoRet } : rule,
  )
  .filter((rule) => rule.action !== "SCMP_ACT_NOTIFY" || !rule.names.includes("write"));
const profile: fc.Arbitrary<Seccomp> = fc.record({
  defaultAction: fc.constantFrom(...seccompActions.filter((action) => action !== "SCMP_ACT_NOTIFY")),
  architectures: fc.subarray(
    ["X86_64", "X86", "X32", "AARCH64", "ARM", "RISCV64"].map((one) => `SCMP_ARCH_${one}`),
  ),
  syscalls: fc.array(rule, { maxLength: 10 }),
});
const number = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 480 }) },
  { weight: 2, arbitrary: fc.nat({ max: 560 }).map((low) => 0x4000_0000 + low) },
  { weight: 1, arbitrary: fc.integer({ min: 0xe_fffe, max: 0xf_0802 }) },
  { weight: 1, arbitrary: fc.constantFrom(0xffff_ffff, 0xffff_fffe, 0x3fff_ffff, 0x8000_0000) },
  { weight: 1, arbitrary: fc.nat({ max: 0xffff_ffff }) },
);
const call = fc.record({
  nr: number,
  arch: fc.constantFrom(...Object.values(AUDIT), 0x1234_5678),
  args: fc.array(interesting, { minLength: 6, maxLength: 6 }),
});
/** Numbers and arguments that this profile speaks of, so that few samples miss everything. */
const near = (seccomp: Seccomp, all: readonly Convention[]): fc.Arbitrary<SeccompData> => {
  const numbers = all.flatMap(({ name, numbers, audit }) =>
    (seccomp.syscalls ?? []).flatMap(({ names }) =>
      [...names, "socketcall", "ipc"].flatMap((one) => {
        const nr = numbers.get(one);
        if (nr === undefined) return [];
        const bit = name === "SCMP_ARCH_X32" ? 0x4000_0000 : 0;
        return [nr - 1, nr, nr, nr, nr + 1].map((n) => ({ nr: (n + bit) >>> 0, arch: audit }));
      }),
    ),
  );
  const values = (seccomp.syscalls ?? []).flatMap(({ args = [] }) =>
    args.flatMap(({ value, valueTwo }) => [BigInt(value), BigInt(valueTwo ?? 0), BigInt(value) + 1n]),
  );
  if (numbers.length === 0) return call;
  const value = values.length === 0 ? interesting : fc.oneof(fc.constantFrom(...values), interesting);
  return fc
    .record({
      at: fc.constantFrom(...numbers),
      args: fc.array(
        value.map((one) => BigInt.asUintN(64, one)),
        { minLength: 6, maxLength: 6 },
      ),
    })
    .map(({ at, args }) => ({ ...at, args }));
};

test.each(["x64", "arm64"] as const)("compileSeccomp() says what the profile means on %s", (architecture) => {
  const all = conventions(architecture);
  const sample = profile.chain((seccomp) =>
    fc.record({
      seccomp: fc.constant(seccomp),
      calls: fc.array(fc.oneof(near(seccomp, all), call), { minLength: 20, maxLength: 20 }),
    }),
  );
  fc.assert(
    fc.property(sample, ({ seccomp, calls }) => {
      const { program } = compileSeccomp(seccomp, { architecture, supportedFlags: EVERY_FLAG });
      checkFilter(program);
      for (const call of calls)
        expect({ call, returned: runFilter(program, call).returned }).toEqual({
          call,
          returned: meaningOf(seccomp, all, call),
        });
    }),
    { numRuns: 300 },
  );
});
