/**
 * Conditions on arguments: from the profile's words to comparisons of 32-bit halves, and these to instructions.
 * Source: runtime-spec config-linux.md, seccomp args; libseccomp seccomp_rule_add(3), the comparison operators.
 */
import type { Integer64, SeccompArgument } from "../../spec/index.ts";
import { type Assembler, JEQ, JGE, JGT, type Label } from "./assembler.ts";
import { InvalidSeccomp } from "./errors.ts";

/** A 64-bit number in the halves that BPF can hold. */
interface Halves {
  readonly high: number;
  readonly low: number;
}

/** `argument & mask` compared with `value`; LT and LE are GE and GT with the outcomes exchanged. */
export interface Condition {
  readonly index: number;
  readonly compare: "equal" | "greater" | "greater-or-equal";
  readonly negated: boolean;
  readonly mask: Halves;
  readonly value: Halves;
}

const ALL: Halves = { high: 0xffff_ffff, low: 0xffff_ffff };
const OPERATORS = {
  SCMP_CMP_EQ: ["equal", false],
  SCMP_CMP_NE: ["equal", true],
  SCMP_CMP_GT: ["greater", false],
  SCMP_CMP_LE: ["greater", true],
  SCMP_CMP_GE: ["greater-or-equal", false],
  SCMP_CMP_LT: ["greater-or-equal", true],
  SCMP_CMP_MASKED_EQ: ["equal", false],
} as const;

/** @throws {InvalidSeccomp} An argument that no call has, or a number that 64 bits cannot hold. */
export function parseCondition({ index, op, value, valueTwo }: SeccompArgument, path: string): Condition {
  if (!Number.isInteger(index) || index < 0 || index > 5)
    throw new InvalidSeccomp({
      path: `${path}.index`,
      found: String(index),
      want: "an argument from 0 to 5",
    });
  const [compare, negated] = OPERATORS[op];
  const first = halves(value, `${path}.value`);
  if (op !== "SCMP_CMP_MASKED_EQ") return { index, compare, negated, mask: ALL, value: first };
  return { index, compare, negated, mask: first, value: halves(valueTwo ?? 0, `${path}.valueTwo`) };
}

function halves(value: Integer64, path: string): Halves {
  const exact = typeof value === "bigint" || Number.isSafeInteger(value);
  if (!exact || value < 0 || value > 0xffff_ffff_ffff_ffffn)
    throw new InvalidSeccomp({ path, found: String(value), want: "an unsigned integer of 64 bits" });
  if (typeof value === "number") return { high: Math.floor(value / 2 ** 32), low: value >>> 0 };
  return { high: Number(value >> 32n), low: Number(value & 0xffff_ffffn) };
}

/** `offsetof(struct seccomp_data, args)`; each argument is eight bytes, the low half first. */
const ARGS = 16;

/** The instructions that go on at `yes` when the condition holds, else at `no`. */
export function emitCondition(
  assembler: Assembler,
  { index, compare, negated, mask, value }: Condition,
  width: 32 | 64,
  yes: Label,
  no: Label,
): Label {
  if (negated) [yes, no] = [no, yes];
  const offset = ARGS + 8 * index;
  const jump = compare === "equal" ? JEQ : compare === "greater" ? JGT : JGE;
  const low = assembler.branch(jump, value.low, yes, no);
  let next = loadMasked(assembler, offset, mask.low, low);
  if (width === 32 || (mask.high === 0 && value.high === 0)) return next;
  next = assembler.branch(JEQ, value.high, next, no);
  // Above or below in the high half decides; only equal high halves leave it to the low ones.
  if (compare !== "equal") next = assembler.branch(JGT, value.high, yes, next);
  return loadMasked(assembler, offset + 4, mask.high, next);
}

function loadMasked(assembler: Assembler, offset: number, mask: number, next: Label): Label {
  return assembler.load(offset, mask === 0xffff_ffff ? next : assembler.and(mask, next));
}
