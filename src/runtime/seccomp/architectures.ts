/**
 * The calling conventions that a filter can meet on each machine, and their system call numbers.
 * Source: linux/audit.h; runtime-spec config-linux.md, seccomp architectures.
 */
import type { Architecture } from "../../sys/index.ts";
import { aarch64 } from "./generated/aarch64.ts";
import { arm } from "./generated/arm.ts";
import { x32 } from "./generated/x32.ts";
import { x86 } from "./generated/x86.ts";
import { x86_64 } from "./generated/x86_64.ts";

/** One way to make a system call on a machine. */
export interface CallingConvention {
  /** As a profile names it. */
  readonly name: string;
  /** `AUDIT_ARCH_*`: what a filter finds in `seccomp_data.arch`. */
  readonly audit: number;
  /** Set in every number of x32, which has x86-64's audit value. */
  readonly numberBit: number;
  /** How many bits of an argument are compared. */
  readonly width: 32 | 64;
  /** Whether socket and IPC calls can also be made through `socketcall` and `ipc`. */
  readonly multiplexed: boolean;
  /** The generated table: JSON. */
  readonly table: string;
}

export const X32_BIT = 0x4000_0000;
/** arm's private calls (`set_tls` and so on) are numbers in [base, end), not newer than others, only elsewhere. */
export const ARM_PRIVATE = { base: 0xf_0000, last: 0xf_0006, end: 0xf_0800 } as const;

const AUDIT_X86_64 = 0xc000_003e;
const plain = { numberBit: 0, width: 64, multiplexed: false } as const;

/** The machine's own convention first: it is part of every filter, named or not. */
const CONVENTIONS: Record<Architecture, readonly [CallingConvention, ...CallingConvention[]]> = {
  x64: [
    { ...plain, name: "SCMP_ARCH_X86_64", audit: AUDIT_X86_64, table: x86_64 },
    // Its registers are 64 bits wide, but its programs fill 32 of them; libseccomp compares those.
    { ...plain, name: "SCMP_ARCH_X32", audit: AUDIT_X86_64, width: 32, numberBit: X32_BIT, table: x32 },
    { ...plain, name: "SCMP_ARCH_X86", audit: 0x4000_0003, width: 32, multiplexed: true, table: x86 },
  ],
  arm64: [
    { ...plain, name: "SCMP_ARCH_AARCH64", audit: 0xc000_00b7, table: aarch64 },
    { ...plain, name: "SCMP_ARCH_ARM", audit: 0x4000_0028, width: 32, table: arm },
  ],
};

export function conventionsOf(machine: Architecture): readonly [CallingConvention, ...CallingConvention[]] {
  return CONVENTIONS[machine];
}

/** Every architecture that a profile may name. Those of other machines are accepted, and no filter here meets them. */
export function seccompArchitectures(): string[] {
  return KNOWN.split(" ").map((name) => `SCMP_ARCH_${name}`);
}
const KNOWN =
  "X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB";

/** System call numbers by name, without `numberBit`. */
export type Numbers = Readonly<Record<string, number>>;

const parsed = new Map<string, Numbers>();

/** The convention's numbers, parsed at first use, since most commands need none of them. */
export function numbersOf({ name, table }: CallingConvention): Numbers {
  const known = parsed.get(name);
  if (known !== undefined) return known;
  // Generated, and checked when it was; without a prototype, so that "constructor" is no system call.
  const numbers: Numbers = Object.setPrototypeOf(JSON.parse(table), null);
  parsed.set(name, numbers);
  return numbers;
}
