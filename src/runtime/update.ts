/** Other limits for a container that exists. Devices are never rewritten. Source: runc update. */
import type { Resources } from "../spec/index.ts";
import { writeAllToCgroup } from "./cgroup/file.ts";
import { readCgroupLayout } from "./cgroup/layout.ts";
import { checkMemoryUsage } from "./cgroup/memory-usage.ts";
import { planUpdate } from "./cgroup/plan.ts";
import { withPresentLimits } from "./cgroup/present-limits.ts";
import { ContainerNotRunning } from "./kill.ts";
import { loadState, type SavedState } from "./state.ts";
import { statusOf } from "./status.ts";

/** Gives the container `id`, whose state is below `root`, the limits that `resources` names. @throws {ContainerNotRunning} */
export async function updateContainer(root: string, id: string, resources: Resources): Promise<SavedState> {
  const saved = loadState(root, id);
  if (statusOf(root, saved) === "stopped") throw new ContainerNotRunning({ id });
  checkMemoryUsage(resources.memory, saved.cgroupPaths);
  const layout = readCgroupLayout();
  let whole = withPresentLimits(resources, saved.cgroupPaths, saved.unit !== undefined);
  if (saved.unit !== undefined) {
    const { setLimits } = await import("./machine/units.ts");
    whole = setLimits(saved.unit, whole, layout);
  }
  writeAllToCgroup(planUpdate(whole, saved.cgroupPaths, layout));
  return saved;
}
