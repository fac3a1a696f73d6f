/**
 * The part of cpu.max that an update does not name. A v2 file holds quota and period, and takes no period alone; v1 has a
 * file for each.
 */
import type { Resources } from "../../spec/index.ts";
import { readCgroupFileIfAny } from "./file.ts";
import { type CgroupPaths, unifiedPath } from "./path.ts";

/** `resources` with the present quota beside a new period. */
export function withPresentQuota(resources: Resources, paths: CgroupPaths): Resources {
  const { cpu } = resources;
  const directory = unifiedPath(paths);
  if (directory === undefined || !cpu?.period || cpu.quota) return resources;
  const [quota = "max"] = readCgroupFileIfAny(`${directory}/cpu.max`)?.split(" ") ?? [];
  return { ...resources, cpu: { ...cpu, quota: quota === "max" ? -1 : BigInt(quota) } };
}
