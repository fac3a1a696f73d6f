/** What a container's cgroups count, on whatever version the machine has. */
import { type CgroupPaths, unifiedPath } from "../path.ts";
import type { Stats } from "./shape.ts";
import { readStatsV1 } from "./v1.ts";
import { readStatsV2 } from "./v2.ts";

/** Reads all counters; what has vanished with its cgroup is left out. */
export function readStats(paths: CgroupPaths): Stats {
  const unified = unifiedPath(paths);
  return unified === undefined ? readStatsV1(paths) : readStatsV2(unified);
}
