/**
 * The part of a CPU quota that an update does not name: quota or period. A v2 file holds both and takes no period alone, and
 * systemd counts both as one number; v1 has a file for each.
 */
import type { Resources } from "../../spec/index.ts";
import { readCgroupFileIfAny } from "./file.ts";
import { type CgroupPaths, unifiedPath } from "./path.ts";

/** `resources` with the present quota beside a new period, and the other way round. @param isUnit  systemd will be told. */
export function withPresentQuota(resources: Resources, paths: CgroupPaths, isUnit: boolean): Resources {
  const { cpu } = resources;
  const isHalf = cpu !== undefined && Boolean(cpu.quota) !== Boolean(cpu.period);
  if (!isHalf || (unifiedPath(paths) === undefined && !isUnit)) return resources;
  const [quota = "max", period = "0"] = presentQuota(paths);
  return {
    ...resources,
    cpu: {
      ...cpu,
      quota: cpu.quota || (quota === "max" ? -1 : BigInt(quota)),
      period: cpu.period || BigInt(period),
    },
  };
}

function presentQuota(paths: CgroupPaths): string[] {
  const unified = unifiedPath(paths);
  if (unified !== undefined) return readCgroupFileIfAny(`${unified}/cpu.max`)?.split(" ") ?? [];
  const read = (what: string): string => readCgroupFileIfAny(`${paths["cpu"]}/cpu.cfs_${what}_us`) ?? "0";
  return [read("quota"), read("period")];
}
