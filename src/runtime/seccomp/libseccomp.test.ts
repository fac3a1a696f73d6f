/**
 * The same profiles through libseccomp, which runc and crun use: both filters must say the same, call by call. Where
 * libseccomp is not installed the test is skipped; meaning.test.ts needs nothing.
 * Left out on purpose: calls newer than the profile (libseccomp has no ENOSYS for them, runc adds it), conditional
 * rules inside socketcall and ipc (see addMultiplexed), and several rules for one call (its tree may refuse them).
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { runFilter } from "../../../test/support/bpf.ts";
import { type Seccomp, type SeccompArgument, type SeccompRule, seccompOperators } from "../../spec/index.ts";
import { conventionsOf, numbersOf } from "./architectures.ts";
import { compileSeccomp } from "./compile.ts";

const { ptr: pointer, i32, u32, u64_fast: u64 } = FFIType;
const SYMBOLS = {
  seccomp_init: { args: [u32], returns: u64 },
  seccomp_release: { args: [u64], returns: FFIType.void },
  seccomp_arch_add: { args: [u64, u32], returns: i32 },
  seccomp_syscall_resolve_name: { args: [pointer], returns: i32 },
  seccomp_rule_add_array: { args: [u64, u32, i32, u32, pointer], returns: i32 },
  seccomp_export_bpf: { args: [u64, i32], returns: i32 },
} as const;

function open(): ReturnType<typeof dlopen<typeof SYMBOLS>> | undefined {
  try {
    return dlopen("libseccomp.so.2", SYMBOLS);
  } catch {
    return undefined;
  }
}

const library = process.arch === "x64" ? open() : undefined;
const TOKENS = { SCMP_ARCH_X86_64: 0xc000_003e, SCMP_ARCH_X86: 0x4000_0003, SCMP_ARCH_X32: 0x4000_003e };
/** In the order of libseccomp's `enum scmp_compare`, from 1. */
const COMPARE = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"].map((name) => `SCMP_CMP_${name}`);
const RETURNS = {
  SCMP_ACT_ALLOW: 0x7fff_0000,
  SCMP_ACT_ERRNO: 0x5_0001,
  SCMP_ACT_TRAP: 0x3_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
};
type Action = keyof typeof RETURNS;

function conditionsOf(args: readonly SeccompArgument[]): BigUint64Array {
  return BigUint64Array.from(
    args.flatMap(({ index, op, value, valueTwo }) => [
      BigInt(index) | (BigInt(COMPARE.indexOf(op) + 1) << 32n),
      BigInt(value),
      BigInt(valueTwo ?? 0),
    ]),
  );
}

/** As runc feeds libseccomp: the default, the architectures, a rule for each name. */
function theirs({ symbols }: NonNullable<typeof library>, seccomp: Seccomp, file: string): Uint8Array {
  const context = symbols.seccomp_init(RETURNS[seccomp.defaultAction as Action]);
  for (const name of seccomp.architectures ?? [])
    symbols.seccomp_arch_add(context, TOKENS[name as keyof typeof TOKENS]);
  for (const { names, action, args = [] } of seccomp.syscalls ?? []) {
    const conditions = conditionsOf(args);
    for (const name of action === seccomp.defaultAction ? [] : names) {
      const number = resolve(name);
      if (number === UNKNOWN) continue;
      const address = conditions.length === 0 ? null : ptr(conditions);
      expect(
        symbols.seccomp_rule_add_array(context, RETURNS[action as Action], number, args.length, address),
      ).toBe(0);
    }
  }
  const descriptor = openSync(file, "w");
  expect(symbols.seccomp_export_bpf(context, descriptor)).toBe(0);
  closeSync(descriptor);
  symbols.seccomp_release(context);
  return readFileSync(file);
}

const value = fc.oneof(
  fc.constantFrom(0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n, 0xffff_ffff_ffff_ffffn),
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
);
/** libseccomp takes a mask's value as it is but keeps only what the mask covers; ours never holds then. */
const argument: fc.Arbitrary<SeccompArgument> = fc
  .record({ index: fc.nat({ max: 5 }), op: fc.constantFrom(...seccompOperators), value, valueTwo: value })
  .map((one) => (one.op === "SCMP_CMP_MASKED_EQ" ? { ...one, valueTwo: one.valueTwo & one.value } : one));

function resolve(name: string): number {
  const text = Buffer.from(`${name}\0`);
  return library?.symbols.seccomp_syscall_resolve_name(ptr(text)) ?? -1;
}
const UNKNOWN = -1;

/** Names that both know, and no other call hides. */
const HIDDEN =
  /^(socket|bind|connect|listen|accept4?|getsockname|getpeername|socketpair|send|recv|sendto|recvfrom|shutdown|[gs]etsockopt|(send|recv)m?msg|sem\w+|msg\w+|shm\w+|ipc|socketcall)$/;
const native = numbersOf(conventionsOf("x64")[0]);
// Calls that only some conventions have are left out: libseccomp 2.5.4 can lose the load of the number with them,
// and then compares the architecture with system call numbers. From Linux 6.1 on its x32 table has holes.
const everywhere = (name: string): boolean =>
  conventionsOf("x64").every((one) => numbersOf(one)[name] !== undefined);
const plainNames = Object.entries(native).flatMap(([name, number]) =>
  !HIDDEN.test(name) && number < 450 && resolve(name) === number && everywhere(name) ? [name] : [],
);
const hiddenNames = ["socket", "bind", "accept4", "recvmmsg", "socketpair", "setsockopt"];

const profile: fc.Arbitrary<Seccomp> = fc
  .record({
    defaultAction: fc.constantFrom(...(Object.keys(RETURNS) as Action[])),
    architectures: fc.subarray(Object.keys(TOKENS).slice(1)),
    names: fc.shuffledSubarray(plainNames, { minLength: 0, maxLength: 60 }),
    hidden: fc.subarray(hiddenNames),
    split: fc.array(
      fc.record({
        take: fc.integer({ min: 1, max: 20 }),
        action: fc.constantFrom(...(Object.keys(RETURNS) as Action[])),
        args: fc.oneof(
          fc.constant([]),
          fc.uniqueArray(argument, { selector: ({ index }) => index, maxLength: 3 }),
        ),
      }),
      { maxLength: 6 },
    ),
    hiddenAction: fc.constantFrom(...(Object.keys(RETURNS) as Action[])),
  })
  .map(({ defaultAction, architectures, names, hidden, split, hiddenAction }) => {
    let at = 0;
    const syscalls: SeccompRule[] = split.map(({ take, action, args }) => {
      at += take;
      return { names: names.slice(at - take, at), action, args };
    });
    return { defaultAction, architectures, syscalls: [...syscalls, { names: hidden, action: hiddenAction }] };
  });

function callsOf(seccomp: Seccomp): fc.Arbitrary<{ nr: number; arch: number; args: bigint[] }> {
  const named = (seccomp.syscalls ?? []).flatMap(({ names }) => [...names, "socketcall"]);
  const numbers = conventionsOf("x64").flatMap((one) =>
    named.flatMap((name) => {
      const number = numbersOf(one)[name];
      return number === undefined ? [] : [{ nr: number + one.numberBit, arch: one.audit }];
    }),
  );
  const known = (seccomp.syscalls ?? []).flatMap(({ args = [] }) =>
    args.flatMap((one) => [
      BigInt(one.value),
      BigInt(one.valueTwo ?? 0),
      BigInt.asUintN(64, BigInt(one.value) + 1n),
    ]),
  );
  const any = fc.record({
    nr: fc.oneof(
      fc.nat({ max: 450 }),
      fc.nat({ max: 550 }).map((low) => 0x4000_0000 + low),
      fc.constant(0xffff_ffff),
    ),
    arch: fc.constantFrom(0xc000_003e, 0x4000_0003, 0xc000_00b7),
  });
  return fc
    .record({
      at: numbers.length === 0 ? any : fc.oneof(fc.constantFrom(...numbers), any),
      args: fc.array(
        known.length === 0 ? value : fc.oneof(value, fc.constantFrom(...known), fc.bigInt(1n, 20n)),
        {
          minLength: 6,
          maxLength: 6,
        },
      ),
    })
    .map(({ at, args }) => ({ ...at, args }));
}

const ENOSYS = 0x5_0026;
if (library === undefined) console.log("skip: libseccomp.so.2 is not here, or this is not x86-64");

test.skipIf(library === undefined)("compileSeccomp() decides as libseccomp does", () => {
  if (library === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), "teu-seccomp-"));
  try {
    const sample = profile.chain((seccomp) =>
      fc.record({
        seccomp: fc.constant(seccomp),
        calls: fc.array(callsOf(seccomp), { minLength: 30, maxLength: 30 }),
      }),
    );
    let compared = 0;
    fc.assert(
      fc.property(sample, ({ seccomp, calls }) => {
        const their = theirs(library, seccomp, join(folder, "bpf"));
        const our = compileSeccomp(seccomp, { architecture: "x64", supportedFlags: 0 }).program;
        for (const call of calls) {
          const { returned } = runFilter(our, call);
          if (returned === ENOSYS) continue;
          compared++;
          expect({ call, returned }).toEqual({ call, returned: runFilter(their, call).returned });
        }
      }),
      { numRuns: 200 },
    );
    expect(compared).toBeGreaterThan(2000);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
