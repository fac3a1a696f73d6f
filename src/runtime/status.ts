/**
 * What a container's status is: never stored, always derived from its process, its cgroup and its gate.
 * Source: runtime-spec runtime.md, state; `paused` as runc has it.
 */

import { hasCode } from "../base/index.ts";
import type { ContainerStatus } from "../spec/index.ts";
import { existsSync, readdirSync, statSync } from "../sys/index.ts";
import { isFrozen } from "./cgroup/freezer.ts";
import { loadState, type SavedState, startTimeOf, stateDirectory } from "./state.ts";

/** The status of a container whose state has just been read. */
export function statusOf(root: string, { id, pid, startTime, cgroupPaths }: SavedState): ContainerStatus {
  // A pid of an ended process may belong to another by now; the time of its start does not.
  if (startTimeOf(pid) !== startTime) return "stopped";
  if (isFrozen(cgroupPaths)) return "paused";
  return existsSync(`${stateDirectory(root, id)}/exec.fifo`) ? "created" : "running";
}

/** One container of `listContainers`. */
export interface ListedContainer {
  readonly state: SavedState;
  readonly status: ContainerStatus;
  /** Who owns its state directory. */
  readonly uid: number;
}

/**
 * All containers below `root`, by ID. A directory that cannot be read as a container is told to `onProblem`; one that
 * vanished meanwhile is not.
 */
export function listContainers(
  root: string,
  onProblem: (id: string, error: unknown) => void,
): ListedContainer[] {
  const listed: ListedContainer[] = [];
  for (const entry of readdirSync(root)) {
    if (!entry.isDirectory) continue;
    try {
      const { uid } = statSync(`${root}/${entry.name}`);
      const state = loadState(root, entry.name);
      listed.push({ state, status: statusOf(root, state), uid });
    } catch (error) {
      if (existsSync(`${root}/${entry.name}`) || !hasCode(error, "container-not-found"))
        onProblem(entry.name, error);
    }
  }
  return listed.sort((one, other) => (one.state.id < other.state.id ? -1 : 1));
}
