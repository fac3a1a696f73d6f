/** Our own runtime: containers are sent signals, and deleted. */
import { type HostPath, hasCode } from "../../base/index.ts";
import { deleteContainer, killContainer, loadState, statusOf, userUnits } from "../../runtime/index.ts";
import { isInUserNamespace } from "../../sys/index.ts";
import { cgroupsPath } from "../paths.ts";

export function pidOf(state: HostPath, id: string): number | undefined {
  try {
    const saved = loadState(state, id);
    return statusOf(state, saved) === "stopped" ? undefined : saved.pid;
  } catch (error) {
    if (hasCode(error, "container-not-found")) return undefined;
    throw error;
  }
}

export function kill(state: HostPath, id: string, signal: number): void {
  killContainer(state, id, signal);
}

export async function remove(state: HostPath, id: string): Promise<void> {
  const units = isInUserNamespace() ? await userUnits() : undefined;
  deleteContainer(state, id, {
    force: true,
    cgroupsPath: cgroupsPath(id),
    ...(units && { stopUnit: units.stopUnit }),
  });
}
