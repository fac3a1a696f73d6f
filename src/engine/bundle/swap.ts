/** Whether the kernel can limit memory and swap together. Source: kernel cgroup-v1/memory.rst, cgroup-v2.rst. */
import { existsSync, readdirSync } from "node:fs";

/** Looks where either version of cgroups has the file; v2 has it in every cgroup but the first. */
export function hasSwapLimit(root = "/sys/fs/cgroup"): boolean {
  if (existsSync(`${root}/memory`)) return existsSync(`${root}/memory/memory.memsw.limit_in_bytes`);
  return readdirSync(root, { withFileTypes: true }).some(
    (entry) => entry.isDirectory() && existsSync(`${root}/${entry.name}/memory.swap.max`),
  );
}
