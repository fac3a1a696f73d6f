/** Resource limits of another process. Source: prlimit(2); runtime-spec config.md, process.rlimits. */
import type { Rlimit } from "../../spec/index.ts";
import { SystemCallFailed, syscall } from "../../sys/index.ts";
import { StepFailed } from "./errors.ts";

/** In the order of their numbers. Source: asm-generic/resource.h. */
const RESOURCES = [
  "CPU",
  "FSIZE",
  "DATA",
  "STACK",
  "CORE",
  "RSS",
  "NPROC",
  "NOFILE",
  "MEMLOCK",
  "AS",
  "LOCKS",
  "SIGPENDING",
  "MSGQUEUE",
  "NICE",
  "RTPRIO",
  "RTTIME",
];

/** The number of `RLIMIT_NOFILE`; -1 for a name that Linux has not. */
export function rlimitNumber(type: string): number {
  return type.startsWith("RLIMIT_") ? RESOURCES.indexOf(type.slice(7)) : -1;
}

/** Sets all `limits` of `pid`. @throws {StepFailed} naming the limit. */
export function setRlimits(pid: number, limits: readonly Rlimit[]): void {
  limits.forEach(({ type, soft, hard }, index) => {
    const value = BigUint64Array.of(BigInt.asUintN(64, BigInt(soft)), BigInt.asUintN(64, BigInt(hard)));
    const result = syscall("prlimit64", pid, rlimitNumber(type), value, 0);
    if (result < 0)
      throw new StepFailed(`process.rlimits[${index}]`, new SystemCallFailed("prlimit64", -result, type));
  });
}
