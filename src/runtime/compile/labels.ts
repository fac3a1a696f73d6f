/**
 * The security label that the program gets at exec. It is written through a procfs that the parent made before anything of
 * the container was there, so that no mount of the container's can redirect the write (2019-16884, 2025-52881).
 * Source: runtime-spec config.md, process.apparmorProfile; aa_change_onexec(3).
 */

import type { Process } from "../../spec/index.ts";
import { byteLength } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { O_CLOEXEC, O_WRONLY, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV } from "./constants.ts";
import { close, T1 } from "./context.ts";
import { openHow } from "./destination.ts";

const HOW_BYTES = 24;

/** The slot of the procfs, if the process has a label. */
export function labelSlot(plan: PlanBuilder, process: Process | undefined): number | undefined {
  return process?.apparmorProfile ? plan.slot({ kind: "procfs" }) : undefined;
}

/** Last before the identity changes; hooks that run earlier have nothing of it. `self` is init, as the host counts. */
export function compileLabels(plan: PlanBuilder, procfs: number | undefined, process: Process): void {
  if (procfs === undefined) return;
  plan.section("process.apparmorProfile", "config.md, process.apparmorProfile");
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  const how = openHow(plan, O_WRONLY | O_CLOEXEC, resolve);
  const text = `exec ${process.apparmorProfile}`;
  const [older, opened] = [plan.label(), plan.label()];
  plan.call("openat2", [procfs, plan.text("self/attr/apparmor/exec"), how, HOW_BYTES], {
    result: T1,
    on: { ENOENT: older },
  });
  plan.place(opened);
  plan.call("write", [T1, plan.text(text), byteLength(text)]);
  close(plan, T1);
  plan.call("close", [procfs]);
  plan.addFuel(1);
  plan.later(() => {
    plan.place(older);
    plan.call("openat2", [procfs, plan.text("self/attr/exec"), how, HOW_BYTES], { result: T1 });
    plan.goto(opened);
  });
}
