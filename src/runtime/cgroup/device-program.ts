/**
 * Device rules as the eBPF program that a v2 cgroup asks about every mknod and open of a device.
 * Source: kernel cgroup-v2.rst, device controller; bpf.h, struct bpf_cgroup_dev_ctx; instruction-set.rst.
 */
import type { DeviceException, DevicePolicy } from "./device-rules.ts";

/** Bytes of one instruction: opcode, registers, offset, immediate. */
export const INSTRUCTION_BYTES = 8;

const LOAD_WORD = 0x61;
const AND = 0x57;
const SHIFT_RIGHT = 0x77;
const MOVE = 0xb7;
const MOVE_REGISTER = 0xbf;
/** Comparisons of 32 bits: an immediate of the 64-bit ones would be sign-extended. */
const JUMP_UNLESS_EQUAL = 0x56;
const JUMP_UNLESS_SAME = 0x5e;
const JUMP_IF_EQUAL = 0x16;
const EXIT = 0x95;

/** What each register holds from the prologue on. */
const [RESULT, CONTEXT, TYPE, ACCESS, MAJOR, MINOR, SCRATCH] = [0, 1, 2, 3, 4, 5, 6];

const TYPES = { b: 1, c: 2 } as const;
const ACCESSES: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const EVERY_ACCESS = 7;

interface Instruction {
  readonly code: number;
  readonly to?: number;
  readonly from?: number;
  readonly offset?: number;
  readonly value?: number;
}

/** The context's first word: type in its lower half, access in its upper. */
const PROLOGUE: readonly Instruction[] = [
  { code: LOAD_WORD, to: TYPE, from: CONTEXT, offset: 0 },
  { code: MOVE_REGISTER, to: ACCESS, from: TYPE },
  { code: AND, to: TYPE, value: 0xffff },
  { code: SHIFT_RIGHT, to: ACCESS, value: 16 },
  { code: LOAD_WORD, to: MAJOR, from: CONTEXT, offset: 4 },
  { code: LOAD_WORD, to: MINOR, from: CONTEXT, offset: 8 },
];

/** The program: 1 allows, 0 refuses. */
export function encodeDeviceProgram({ allowsByDefault, exceptions }: DevicePolicy): Uint8Array {
  const program = [
    ...PROLOGUE,
    ...exceptions.flatMap((exception) => encodeException(exception, !allowsByDefault)),
    ...answer(allowsByDefault),
  ];
  const bytes = new Uint8Array(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, to = 0, from = 0, offset = 0, value = 0 }, index) => {
    const at = index * INSTRUCTION_BYTES;
    view.setUint8(at, code);
    view.setUint8(at + 1, to | (from << 4));
    view.setInt16(at + 2, offset, true);
    view.setInt32(at + 4, value, true);
  });
  return bytes;
}

function answer(allows: boolean): Instruction[] {
  return [{ code: MOVE, to: RESULT, value: allows ? 1 : 0 }, { code: EXIT }];
}

/** Tests, each of which jumps to the next exception when it fails, then the answer. */
function encodeException({ type, major, minor, access }: DeviceException, allows: boolean): Instruction[] {
  const tests: Instruction[] = [{ code: JUMP_UNLESS_EQUAL, to: TYPE, value: TYPES[type] }];
  if (major !== "*") tests.push({ code: JUMP_UNLESS_EQUAL, to: MAJOR, value: major });
  if (minor !== "*") tests.push({ code: JUMP_UNLESS_EQUAL, to: MINOR, value: minor });
  tests.push(...encodeAccess(access, allows));
  const then = answer(allows);
  return [
    ...tests.map((test, index) =>
      isJump(test) ? { ...test, offset: tests.length - index - 1 + then.length } : test,
    ),
    ...then,
  ];
}

/** A rule that allows must cover all that is asked for; one that refuses, any of it: as the v1 controller has it. */
function encodeAccess(access: string, allows: boolean): Instruction[] {
  const bits = [...access].reduce((sum, letter) => sum | (ACCESSES[letter] ?? 0), 0);
  if (bits === EVERY_ACCESS) return [];
  return [
    { code: MOVE_REGISTER, to: SCRATCH, from: ACCESS },
    { code: AND, to: SCRATCH, value: bits },
    allows
      ? { code: JUMP_UNLESS_SAME, to: SCRATCH, from: ACCESS }
      : { code: JUMP_IF_EQUAL, to: SCRATCH, value: 0 },
  ];
}

function isJump({ code }: Instruction): boolean {
  return code === JUMP_UNLESS_EQUAL || code === JUMP_UNLESS_SAME || code === JUMP_IF_EQUAL;
}
