/**
 * What an update does not name and has to be kept: a limit on v1 that one file of v2 holds together with another, or by
 * another count. v1 has a file for each, and its kernel compares them.
 */
import type { CPUResources, MemoryResources, Resources } from "../../spec/index.ts";
import { readCgroupFileIfAny } from "./file.ts";
import { type CgroupPaths, unifiedPath } from "./path.ts";

/** `resources` with the present limits beside the new ones. @param isUnit  systemd will be told. */
export function withPresentLimits(resources: Resources, paths: CgroupPaths, isUnit: boolean): Resources {
  const { cpu, memory } = resources;
  return {
    ...resources,
    ...(cpu && { cpu: withPresentQuota(cpu, paths, isUnit) }),
    ...(memory && { memory: withPresentSwap(memory, paths) }),
  };
}

/** Quota and period: v2's file takes no period alone, and systemd counts both as one number. */
function withPresentQuota(cpu: CPUResources, paths: CgroupPaths, isUnit: boolean): CPUResources {
  const isHalf = Boolean(cpu.quota) !== Boolean(cpu.period);
  if (!isHalf || (unifiedPath(paths) === undefined && !isUnit)) return cpu;
  const [quota = "max", period = "0"] = presentQuota(paths);
  return {
    ...cpu,
    quota: cpu.quota || (quota === "max" ? -1 : BigInt(quota)),
    period: cpu.period || BigInt(period),
  };
}

function presentQuota(paths: CgroupPaths): string[] {
  const unified = unifiedPath(paths);
  if (unified !== undefined) return readCgroupFileIfAny(`${unified}/cpu.max`)?.split(" ") ?? [];
  const read = (what: string): string => readCgroupFileIfAny(`${paths["cpu"]}/cpu.cfs_${what}_us`) ?? "0";
  return [read("quota"), read("period")];
}

/** The document's `swap` is memory and swap together, and stays when memory alone is changed; v2 counts swap alone. */
function withPresentSwap(memory: MemoryResources, paths: CgroupPaths): MemoryResources {
  const unified = unifiedPath(paths);
  if (unified === undefined || memory.swap || !memory.limit || memory.limit < 0) return memory;
  const [limit, swap] = ["memory.max", "memory.swap.max"].map((file) =>
    readCgroupFileIfAny(`${unified}/${file}`),
  );
  if (limit === undefined || swap === undefined || limit === "max" || swap === "max") return memory;
  return { ...memory, swap: BigInt(limit) + BigInt(swap) };
}
