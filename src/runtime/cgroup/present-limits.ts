/**
 * What an update does not name and has to be kept: a limit on v1 that one file of v2 holds together with another. What has a file of its own
 * stays by itself: on v2 swap too, which v1 counts with memory; runc leaves it as well.
 */
import type { CPUResources, Resources } from "../../spec/index.ts";
import { readCgroupFileIfAny } from "./file.ts";
import { type CgroupPaths, unifiedPath } from "./path.ts";

/** `resources` with the present limits beside the new ones. @param isUnit  systemd will be told. */
export function withPresentLimits(resources: Resources, paths: CgroupPaths, isUnit: boolean): Resources {
  const { cpu } = resources;
  return cpu === undefined ? resources : { ...resources, cpu: withPresentQuota(cpu, paths, isUnit) };
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
