/** A container without cgroups of its own: it stays in its creator's. Source: crun.1.md, --cgroup-manager disabled. */
import { TeuError } from "../../base/index.ts";
import type { Linux, Resources } from "../../spec/index.ts";
import type { CgroupPlan } from "./plan.ts";

/** Nothing to make, to enter or to write. */
export const NO_CGROUP: CgroupPlan = { paths: {}, directories: [], join: { files: [] }, limits: [] };

/** A limit is asked for, and nothing can hold it. */
export class LimitWithoutCgroup extends TeuError<"limit-without-cgroup", { field: string }> {
  constructor(context: { field: string }) {
    super(
      "limit-without-cgroup",
      "invalid",
      context,
      `Cannot set ${context.field}: the cgroup manager is disabled`,
    );
  }
}

/** The plan of a container that shall have none. @throws {LimitWithoutCgroup} */
export function planNoCgroup(linux: Linux | undefined): CgroupPlan {
  const limit = limitOf(linux?.resources ?? {});
  if (limit !== undefined) throw new LimitWithoutCgroup({ field: `linux.resources.${limit}` });
  return NO_CGROUP;
}

/** The first limit that is asked for. Rules for devices are none: they cannot let anything in. */
export function limitOf(resources: Resources): string | undefined {
  const asked = Object.entries(resources).find(
    ([name, value]) => name !== "devices" && value !== undefined && Object.keys(value).length > 0,
  );
  return asked?.[0];
}
