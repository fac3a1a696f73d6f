/** On which CPUs processes may run. Source: sched_setaffinity(2); runtime-spec config.md, process.execCPUAffinity. */
import { check, syscall } from "../../sys/index.ts";
import { MAX_CPUS, parseNumberList } from "../number-list.ts";

const MASK_BYTES = MAX_CPUS / 8;

/**
 * Lets `pid` run wherever its cgroup allows: what the caller of the runtime was confined to is nothing to the container.
 * Where the kernel refuses, it stays confined: that is no reason not to run it.
 */
export function resetAffinity(pid: number): void {
  syscall("sched_setaffinity", pid, MASK_BYTES, new Uint8Array(MASK_BYTES).fill(0xff));
}

/** Does `work` on the CPUs of `list`, which a process that it starts inherits, and comes back. @throws {SystemCallFailed} */
export function onCPUs<T>(list: string | undefined, work: () => T): T {
  const mask = list === undefined || list === "" ? undefined : parseNumberList(list, MAX_CPUS);
  if (mask === undefined) return work();
  const before = new Uint8Array(MASK_BYTES);
  check(syscall("sched_getaffinity", 0, MASK_BYTES, before), "sched_getaffinity");
  check(
    syscall("sched_setaffinity", 0, MASK_BYTES, mask),
    "sched_setaffinity",
    "process.execCPUAffinity.initial",
  );
  try {
    return work();
  } finally {
    check(syscall("sched_setaffinity", 0, MASK_BYTES, before), "sched_setaffinity");
  }
}
