/**
 * From a profile to what happens at each system call number of one calling convention.
 * Source: runtime-spec config-linux.md, seccomp; the meaning of several rules for one call is libseccomp's as runc uses it.
 */
import type { Seccomp, SeccompRule } from "../../spec/index.ts";
import { returnValue, severity } from "./actions.ts";
import { ARM_PRIVATE, type CallingConvention, type Numbers, numbersOf } from "./architectures.ts";
import { type Condition, parseCondition } from "./conditions.ts";
import { InvalidSeccomp } from "./errors.ts";
import { CARRIERS } from "./multiplexed.ts";

/** A rule of the profile with its words resolved. Without conditions it always holds. */
export interface Rule {
  readonly returns: number;
  /** All must hold. */
  readonly conditions: readonly Condition[];
}

/** A rule and the calls it is for. */
interface NamedRule {
  readonly names: readonly string[];
  readonly rule: Rule;
}

/** A profile without its words. */
export interface Profile {
  /** What a call gets that no rule fits. */
  readonly otherwise: number;
  readonly rules: readonly NamedRule[];
}

/** What a call with one number gets: always the same, or the first of several rules that holds. */
export type Verdict = number | readonly Rule[];

/** @throws {InvalidSeccomp} */
export function parseProfile({ defaultAction, defaultErrnoRet, syscalls = [] }: Seccomp): Profile {
  if (defaultAction === "SCMP_ACT_NOTIFY")
    throw new InvalidSeccomp({
      path: "linux.seccomp.defaultAction",
      found: defaultAction,
      want: "an action that needs no listener, since the container is not handed over yet when the filter begins",
    });
  const otherwise = returnValue(defaultAction, defaultErrnoRet, "linux.seccomp.defaultErrnoRet");
  const rules: NamedRule[] = [];
  for (const [index, entry] of syscalls.entries())
    parseRule(rules, entry, `linux.seccomp.syscalls[${index}]`);
  return { otherwise, rules };
}

/** Adds what one entry of the profile says: one rule, or one for each alternative. */
function parseRule(
  rules: NamedRule[],
  { names, action, errnoRet, args = [] }: SeccompRule,
  path: string,
): void {
  const returns = returnValue(action, errnoRet, `${path}.errnoRet`);
  if (action === "SCMP_ACT_NOTIFY" && names.includes("write"))
    throw new InvalidSeccomp({
      path: `${path}.names`,
      found: '"write" with SCMP_ACT_NOTIFY',
      want: "another action: SCMP_ACT_NOTIFY cannot be used for the write syscall",
    });
  const conditions = args.map((argument, index) => parseCondition(argument, `${path}.args[${index}]`));
  // Two conditions on one argument were written when they meant "or", and runc still reads them so.
  const repeats = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  if (repeats)
    for (const condition of conditions) rules.push({ names, rule: { returns, conditions: [condition] } });
  else rules.push({ names, rule: { returns, conditions } });
}

/** What the profile says of one convention's calls. */
export interface Verdicts {
  readonly byNumber: ReadonlyMap<number, Verdict>;
  /** The greatest number that the profile names, also in rules that change nothing. */
  readonly newest: number | undefined;
  /** How many rules met a call that this convention has. */
  readonly count: number;
}

export function verdictsOf({ rules, otherwise }: Profile, convention: CallingConvention): Verdicts {
  const numbers = numbersOf(convention);
  const byNumber = new Map<number, Verdict>();
  let newest = -1;
  let count = 0;
  for (const { names, rule } of rules) {
    // A rule that repeats the default changes nothing, and must not end the search for the ones after it.
    const redundant = rule.returns === otherwise;
    for (const name of names) {
      const number = numbers[name];
      if (number !== undefined) {
        if (number > newest && number < ARM_PRIVATE.base) newest = number;
        if (redundant) continue;
        count++;
        add(byNumber, number + convention.numberBit, rule);
      }
      if (convention.multiplexed && !redundant)
        newest = Math.max(newest, addMultiplexed(byNumber, numbers, name, rule, otherwise));
    }
  }
  return { byNumber, newest: newest < 0 ? undefined : newest + convention.numberBit, count };
}

/** A rule without conditions decides alone, whatever stands before or after it; the first such rule stays. */
function add(verdicts: Map<number, Verdict>, number: number, rule: Rule): void {
  const before = verdicts.get(number);
  if (typeof before === "number") return;
  if (rule.conditions.length === 0) verdicts.set(number, rule.returns);
  else verdicts.set(number, before === undefined ? [rule] : [...before, rule]);
}

/**
 * The same rule where the call hides inside another. There its arguments lie in memory, where no filter can look: a
 * rule with conditions is kept, without them, only if it is stricter than the default. (libseccomp forgets the first
 * condition, so that "socket, but not AF_VSOCK" lets socketcall make any socket.)
 * @returns The number of the call that hides this one, or -1 where none does.
 */
function addMultiplexed(
  verdicts: Map<number, Verdict>,
  numbers: Numbers,
  name: string,
  { returns, conditions }: Rule,
  otherwise: number,
): number {
  const carrier = CARRIERS.get(name);
  const at = carrier && numbers[carrier.call];
  if (carrier === undefined || at === undefined) return -1;
  if (conditions.length > 0 && severity(returns) >= severity(otherwise)) return at;
  const selects: Condition = {
    index: 0,
    compare: "equal",
    negated: false,
    mask: { high: 0, low: carrier.mask },
    value: { high: 0, low: carrier.number },
  };
  add(verdicts, at, { returns, conditions: [selects] });
  return at;
}
