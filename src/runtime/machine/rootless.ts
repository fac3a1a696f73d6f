/** What is different when a plain user, or root of a user namespace, calls the runtime. Source: runc, libcontainer rootless. */
import { TeuError } from "../../base/index.ts";
import type { Linux } from "../../spec/index.ts";
import { createCgroup } from "../cgroup/create.ts";
import { attachDevices } from "../cgroup/device-attach.ts";
import { limitOf, NO_CGROUP } from "../cgroup/none.ts";
import type { CgroupPlan } from "../cgroup/plan.ts";
import { naming } from "./errors.ts";
import { hasLimitedRights } from "./rights.ts";

/** The caller may make no cgroup, but config.json asks for one. The sentence is runc's. */
export class RootlessCgroup extends TeuError<"rootless-cgroup", { field: string }> {
  constructor(context: { field: string }, cause: unknown) {
    super(
      "rootless-cgroup",
      "permission-denied",
      context,
      `${context.field}: rootless needs no limits + no cgrouppath when no permission is granted for cgroups`,
      { cause },
    );
  }
}

/**
 * Makes the container's cgroups, or none where the caller may not and nothing needs one. Returns what there is then.
 * @param options.rootless  `--rootless`; undefined: as the caller's rights are.
 * @param options.isUnit  systemd has made them.
 * @throws {RootlessCgroup} and what createCgroup throws
 */
export function createCgroupOrNone(
  plan: CgroupPlan,
  linux: Linux | undefined,
  { rootless, isUnit }: { rootless: boolean | undefined; isUnit: boolean },
): CgroupPlan {
  try {
    createCgroup(plan, { isUnit });
    return plan;
  } catch (error) {
    if (!isRefused(error) || !(rootless ?? hasLimitedRights())) throw error;
    if (linux?.cgroupsPath) throw error;
    const limit = limitOf(linux?.resources ?? {});
    if (limit !== undefined) throw new RootlessCgroup({ field: `linux.resources.${limit}` }, error);
    return NO_CGROUP;
  }
}

/** Attaches the device program. Without rights to load one there are none to make or open a device by, either. */
export function attachDevicesIfAllowed(plan: CgroupPlan, rootless: boolean | undefined): void {
  try {
    naming("linux.resources.devices", () => attachDevices(plan));
  } catch (error) {
    if (!isRefused(error) || !(rootless ?? hasLimitedRights())) throw error;
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof TeuError && error.kind === "permission-denied";
}
