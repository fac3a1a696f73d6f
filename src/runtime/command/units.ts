/** The systemd cgroup driver, loaded by the commands that need it and then only. */
import type { DeleteOptions } from "../delete.ts";
import type { CreateOptions } from "../machine/create.ts";
import { loadState } from "../state.ts";
import type { RuntimeContext } from "./context.ts";

/** For a create under `--systemd-cgroup`. */
export async function unitPlanner({
  cgroupManager,
}: RuntimeContext): Promise<Pick<CreateOptions, "planUnit">> {
  return cgroupManager === "systemd" ? { planUnit: (await import("../machine/units.ts")).planUnit } : {};
}

/** For the deletion of a container that is a unit, whatever the flags say now. */
export async function unitStopper(root: string, id: string): Promise<Pick<DeleteOptions, "stopUnit">> {
  return hasUnit(root, id) ? { stopUnit: (await import("../machine/units.ts")).stopUnit } : {};
}

function hasUnit(root: string, id: string): boolean {
  try {
    return loadState(root, id).unit !== undefined;
  } catch {
    return false; // the deletion reads the state too, and tells what is wrong with it
  }
}
