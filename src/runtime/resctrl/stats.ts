/** What `events` tells of a container's class of service, in runc's shape. Source: runc types/events.go; resctrl.rst, mon_data. */
import { join } from "node:path";
import { errnoOf, existsSync, readdirSync, readTextSync } from "../../sys/index.ts";

import { sparse } from "../cgroup/stats/shape.ts";
import { parseNumber } from "../cgroup/stats/values.ts";
import type { ResctrlGroup } from "./group.ts";

/** Nothing for a container without one. */
export function readResctrlStats(group: ResctrlGroup | undefined): Readonly<Record<string, unknown>> {
  if (group === undefined) return {};
  const { root, path, monitor } = group;
  const all = readLines(join(root, "schemata"));
  const own = readLines(join(path, "schemata"));
  const hasL3 = existsSync(join(root, "info/L3"));
  const hasMB = existsSync(join(root, "info/MB"));
  const features = readLines(join(root, "info/L3_MON/mon_features"));
  return sparse({
    ...(hasL3 && {
      l3_cache_info: l3Info(join(root, "info/L3")),
      l3_cache_schema_root: lineOf(all, "L3"),
      l3_cache_schema: lineOf(own, "L3"),
    }),
    ...(hasMB && {
      mem_bw_info: numbers(
        join(root, "info/MB"),
        "bandwidth_gran",
        "delay_linear",
        "min_bandwidth",
        "num_closids",
      ),
      mem_bw_schema_root: lineOf(all, "MB"),
      mem_bw_schema: lineOf(own, "MB"),
    }),
    schemata: own,
    ...monitored(monitor ?? path, features),
  });
}

function l3Info(path: string): object {
  return {
    ...sparse({ cbm_mask: readLines(join(path, "cbm_mask"))[0] }),
    ...numbers(path, "min_cbm_bits", "num_closids"),
  };
}

function monitored(path: string, features: readonly string[]): Record<string, unknown> {
  const nodes =
    features.length === 0
      ? []
      : readdirSync(join(path, "mon_data"))
          .map(({ name }) => name)
          .sort();
  const counters = (...names: string[]): object[] =>
    nodes.map((node) =>
      Object.fromEntries(names.map((name) => [name, readNumber(join(path, "mon_data", node, name)) ?? 0n])),
    );
  return {
    ...(features.some((name) => name.startsWith("mbm_")) && {
      mbm_stats: counters("mbm_total_bytes", "mbm_local_bytes"),
    }),
    ...(features.includes("llc_occupancy") && { cmt_stats: counters("llc_occupancy") }),
  };
}

function lineOf(lines: readonly string[], resource: string): string | undefined {
  return lines.find((line) => line.includes(resource))?.trim();
}

function numbers(path: string, ...names: string[]): object {
  return sparse(Object.fromEntries(names.map((name) => [name, readNumber(join(path, name))])));
}

function readNumber(path: string): bigint | undefined {
  return parseNumber(readLines(path)[0] ?? "");
}

function readLines(path: string): string[] {
  try {
    return readTextSync(path).trim().split("\n");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
