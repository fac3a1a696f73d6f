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
  { name, width, numberBit }: CallingConvention,
  { byNumber, newest }: Verdicts,
  otherwise: number,
  withX32: boolean,
): Segment[] {
  const segments: Segment[] = [];
  let before: Verdict | undefined;
  const cut = (from: number, verdict: Verdict): void => {
    if (verdict === before) return;
    segments.push({ from, verdict, width });
    before = verdict;
  };
  const cutEach = (first: number, last: number): void => {
    for (let number = first; number <= last; number++) cut(number, byNumber.get(number) ?? otherwise);
  };
  const above = newest === undefined || isPermissive(otherwise) ? otherwise : RET_ENOSYS;

  cutEach(numberBit, newest ?? numberBit);
  cut((newest ?? numberBit) + 1, above);
  if (name === "SCMP_ARCH_ARM") {
    cutEach(ARM_PRIVATE.base, ARM_PRIVATE.last);
    cut(ARM_PRIVATE.last + 1, otherwise);
    cut(ARM_PRIVATE.end, above);
  }
  if (name === "SCMP_ARCH_X86_64" && !withX32) {
    cut(X32_BIT, RET_KILL_THREAD);
    cut(SKIPPED, otherwise);
  }
  return segments;
}
