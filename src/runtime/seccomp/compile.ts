/**
 * A seccomp profile → the classic BPF program that the kernel runs at every system call of the container.
 *
 * A filter is a function from convention, number and arguments to a verdict. The numbers of a convention are a line
 * that is cut where the verdict changes, and a balanced search finds the segment in seven or eight comparisons.
 * Source: runtime-spec config-linux.md, seccomp; seccomp(2).
 */
import type { Seccomp } from "../../spec/index.ts";
import type { Architecture } from "../../sys/index.ts";
import { FLAG_NEW_LISTENER, filterFlags, RET_KILL_THREAD } from "./actions.ts";
import { type CallingConvention, conventionsOf, seccompArchitectures } from "./architectures.ts";
import { Assembler, JEQ, JGE, type Label } from "./assembler.ts";
import { emitCondition } from "./conditions.ts";
import { InvalidSeccomp } from "./errors.ts";
import { parseProfile, type Rule, verdictsOf } from "./rules.ts";
import { type Segment, segmentsOf } from "./segments.ts";

/** What the kernel loads. */
export interface SeccompFilter {
  /** An array of `struct sock_filter`, little endian. */
  readonly program: Uint8Array;
  /** `SECCOMP_FILTER_FLAG_*` for seccomp(2). */
  readonly flags: number;
  /** Of the program; at most 4096. */
  readonly instructions: number;
  /** How many rules met a call that the machine's own calling convention has. */
  readonly rules: number;
  /** Whether loading it returns a descriptor on which someone must answer. */
  readonly listener: boolean;
}

/** What the machine has. */
export interface SeccompMachine {
  readonly architecture: Architecture;
  /** `SECCOMP_FILTER_FLAG_*` that the kernel knows. */
  readonly supportedFlags: number;
}

/** Offsets in `struct seccomp_data`. */
const NR = 0;
const ARCH = 4;

/**
 * Compiles `seccomp`. Names that this machine has not are skipped, calls newer than the profile get ENOSYS (see
 * segments.ts), and a convention that the profile does not name kills the thread that uses it.
 * @throws {InvalidSeccomp} @throws {SeccompTooLarge}
 */
export function compileSeccomp(seccomp: Seccomp, machine: SeccompMachine): SeccompFilter {
  const flags = filterFlags(seccomp, machine.supportedFlags);
  const profile = parseProfile(seccomp);
  const conventions = chosenConventions(seccomp.architectures ?? [], machine.architecture);
  const withX32 = conventions.some(({ name }) => name === "SCMP_ARCH_X32");
  // x86-64 and x32 share an audit value: their segments form one line.
  const lines = new Map<number, Segment[]>();
  let rules: number | undefined;
  for (const convention of conventions) {
    const verdicts = verdictsOf(profile, convention);
    rules ??= verdicts.count;
    const segments = segmentsOf(convention, verdicts, profile.otherwise, withX32);
    lines.set(convention.audit, [...(lines.get(convention.audit) ?? []), ...segments]);
  }
  const assembler = new Assembler();
  const emitVerdict = verdictEmitter(assembler, profile.otherwise);
  let entry = assembler.ret(RET_KILL_THREAD);
  // Written from the end, so that the machine's own convention is the first that is asked for.
  for (const [audit, segments] of [...lines].reverse()) {
    const search = emitSearch(assembler, segments, emitVerdict);
    entry = assembler.branch(JEQ, audit, assembler.load(NR, search), entry);
  }
  assembler.load(ARCH, entry);
  return {
    program: assembler.finish(),
    flags,
    instructions: assembler.count,
    rules: rules ?? 0,
    listener: (flags & FLAG_NEW_LISTENER) !== 0,
  };
}

/** The machine's own convention and those of its others that the profile names. */
function chosenConventions(names: readonly string[], architecture: Architecture): CallingConvention[] {
  const known = seccompArchitectures();
  names.forEach((name, index) => {
    if (!known.includes(name))
      throw new InvalidSeccomp({
        path: `linux.seccomp.architectures[${index}]`,
        found: JSON.stringify(name),
        want: `one of ${known.join(", ")}`,
      });
  });
  return conventionsOf(architecture).filter(({ name }, index) => index === 0 || names.includes(name));
}

/** A balanced search: the accumulator holds the number, and each comparison halves the segments that are left. */
function emitSearch(
  assembler: Assembler,
  segments: readonly Segment[],
  emitVerdict: (segment: Segment) => Label,
): Label {
  const emit = (first: number, end: number): Label => {
    const middle = (first + end) >> 1;
    const segment = segments[middle];
    if (segment === undefined) throw new RangeError("a search needs a segment");
    if (end - first === 1) return emitVerdict(segment);
    const above = emit(middle, end);
    const below = emit(first, middle);
    return assembler.branch(JGE, segment.from, above, below);
  };
  return emit(0, segments.length);
}

/** Writes verdicts; the same rules at the same width are written once, however many calls and conventions share them. */
function verdictEmitter(assembler: Assembler, otherwise: number): (segment: Segment) => Label {
  const written = new Map<string, Label>();
  const identities = new Map<Rule, number>();
  const identity = (rule: Rule): number => {
    const known = identities.get(rule) ?? identities.size;
    identities.set(rule, known);
    return known;
  };
  return ({ verdict, width }) => {
    if (typeof verdict === "number") return assembler.ret(verdict);
    const key = `${width}:${verdict.map(identity)}`;
    const label = written.get(key) ?? emitRules(assembler, verdict, width, otherwise);
    written.set(key, label);
    return label;
  };
}

/** The first rule that holds decides. */
function emitRules(assembler: Assembler, rules: readonly Rule[], width: 32 | 64, otherwise: number): Label {
  let next = assembler.ret(otherwise);
  for (const { returns, conditions } of [...rules].reverse()) {
    const no = next;
    next = assembler.ret(returns);
    for (const condition of [...conditions].reverse())
      next = emitCondition(assembler, condition, width, next, no);
  }
  return next;
}
