/** The processes of a container, by its cgroup; of one that has none, by its PID namespace. */
import { readdirSync, readLinkIfAnySync } from "../sys/index.ts";
import { cgroupPids } from "./cgroup/processes.ts";
import type { SavedState } from "./state.ts";

/** The pids as the host sees them. Without a cgroup, those of namespaces below the container's own are left out. */
export function containerPids({ cgroupPaths, pid }: Pick<SavedState, "cgroupPaths" | "pid">): number[] {
  if (Object.keys(cgroupPaths).length > 0) return cgroupPids(cgroupPaths);
  const namespace = readLinkIfAnySync(`/proc/${pid}/ns/pid`);
  if (namespace === undefined) return [];
  // On the host's processes it has no more than its first one for sure.
  if (namespace === readLinkIfAnySync("/proc/self/ns/pid")) return [pid];
  return readdirSync("/proc")
    .map(({ name }) => Number(name))
    .filter((number) => number > 0 && readLinkIfAnySync(`/proc/${number}/ns/pid`) === namespace);
}
