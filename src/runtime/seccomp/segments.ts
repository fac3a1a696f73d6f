/**
 * The system call numbers of one calling convention as a line, cut where the verdict changes.
 * Most calls of a profile share one verdict, so a few dozen cuts say what hundreds of rules said.
 */
import { isPermissive, RET_ENOSYS, RET_KILL_THREAD } from "./actions.ts";
import { ARM_PRIVATE, type CallingConvention, X32_BIT } from "./architectures.ts";
import type { Verdict, Verdicts } from "./rules.ts";

/** From this number up to the next segment's. */
export interface Segment {
  readonly from: number;
  readonly verdict: Verdict;
  readonly width: 32 | 64;
}

/** What a tracer sets to have a call skipped; the filter sees it too. Source: seccomp(2), SECCOMP_RET_TRACE. */
const SKIPPED = 0xffff_ffff;

/**
 * Cuts the line. A call above the newest that the profile names gets ENOSYS unless `otherwise` is permissive: its
 * author never saw the call, and programs take ENOSYS (not EPERM) as the sign to try an older one.
 * @param withX32  Whether the profile has x32, whose numbers follow those of x86-64; else they are a foreign convention.
 */
export function segmentsOf(
  convention: CallingConvention,
  { byNumber, newest }: Verdicts,
  otherwise: number,
  withX32: boolean,
): Segment[] {
  const gaps = new Map<number, number>([[convention.numberBit, otherwise]]);
  if (newest >= 0 && !isPermissive(otherwise)) gaps.set(newest + 1, RET_ENOSYS);
  if (convention.name === "SCMP_ARCH_ARM") {
    gaps.set(ARM_PRIVATE.end, gaps.get(newest + 1) ?? otherwise);
    gaps.set(ARM_PRIVATE.base, otherwise);
  }
  if (convention.name === "SCMP_ARCH_X86_64" && !withX32) {
    gaps.set(X32_BIT, RET_KILL_THREAD);
    gaps.set(SKIPPED, otherwise);
  }
  const cuts = new Set(gaps.keys());
  for (const number of byNumber.keys()) cuts.add(number).add(number + 1);
  const segments: Segment[] = [];
  let gap = otherwise;
  let before: Verdict | undefined;
  for (const from of Uint32Array.from(cuts).sort()) {
    gap = gaps.get(from) ?? gap;
    const verdict = byNumber.get(from) ?? gap;
    if (verdict === before) continue;
    segments.push({ from, verdict, width: convention.width });
    before = verdict;
  }
  return segments;
}
