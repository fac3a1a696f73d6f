/** Our own runtime: what is done with containers that run. */
import type { HostPath } from "../../base/index.ts";
import {
  containerPids,
  loadState,
  pauseContainer,
  readStats,
  resumeContainer,
  updateContainer,
} from "../../runtime/index.ts";
import type { Resources } from "../../spec/index.ts";
import type { RuntimeStats } from "./driver.ts";

export function pidsOf(state: HostPath, id: string): number[] {
  return containerPids(loadState(state, id));
}

export async function update(state: HostPath, id: string, resources: Resources): Promise<void> {
  await updateContainer(state, id, resources);
}

export function statsOf(state: HostPath, id: string): RuntimeStats {
  return readStats(loadState(state, id).cgroupPaths);
}

export function pause(state: HostPath, id: string): void {
  pauseContainer(state, id);
}

export function resume(state: HostPath, id: string): void {
  resumeContainer(state, id);
}
