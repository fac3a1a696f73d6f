/** Containers as units of a user's own systemd, for the engine: loaded when first needed, as D-Bus is. */
import type { CgroupLayout } from "./cgroup/layout.ts";
import type { PlanUnit } from "./machine/units.ts";

/** What the systemd driver does. */
export interface UserUnits {
  /** Whether this process may put containers into such units. */
  hasOwnUnits(layout: CgroupLayout): boolean;
  readonly planUnit: PlanUnit;
  stopUnit(unit: string): void;
}

/** Loads it. */
export async function userUnits(): Promise<UserUnits> {
  const { hasOwnUnits, planUnit, stopUnit } = await import("./machine/units.ts");
  return { hasOwnUnits, planUnit, stopUnit };
}
