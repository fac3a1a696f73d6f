/** What the home of this process is like, for the containers that are made in it. */
import { readFileSync } from "node:fs";
import type { RuntimeConfig } from "../../spec/index.ts";
import type { ContainerRecord } from "../store/containers.ts";
import type { Store } from "../store/store.ts";
import { asInHome } from "./config.ts";

/** `config` as it can be here. @throws {NoCgroupForLimit} */
export function configInHome(
  _store: Store,
  _container: ContainerRecord,
  config: RuntimeConfig,
): RuntimeConfig {
  const oomScoreAdj = Number(readFileSync("/proc/self/oom_score_adj", "utf8"));
  return asInHome(config, { ids: idsHere(), oomScoreAdj });
}

/** How many ids the user namespace of this process has. */
export function idsHere(): number {
  return countIDs(readFileSync("/proc/self/uid_map", "utf8"));
}

/** How many ids a map has. Source: user_namespaces(7). */
function countIDs(map: string): number {
  return map
    .trim()
    .split("\n")
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2]), 0);
}
