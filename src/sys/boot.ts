/** Which boot of the machine this is, as `bootID()` of base says too, without node:fs. Source: proc_sys_kernel(5), random/boot_id. */
import { readTextSync } from "./files.ts";

let boot: string | undefined;

/** The ID of this boot of the machine, which no process outlives. */
export function thisBoot(): string {
  boot ??= readTextSync("/proc/sys/kernel/random/boot_id").trim();
  return boot;
}
