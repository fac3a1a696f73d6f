/** Where a mount goes: the descriptor of its destination, and what must not be there. */
import { errno } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { DataRef, type Register } from "../plan/plan.ts";
import { ALL, PROC_SUPER_MAGIC, STATFS_BYTES } from "./constants.ts";
import { close, T1, T2, T3 } from "./context.ts";
import { isProcOrSys, openDestination, type Want } from "./destination.ts";
import { attach, setAttributes } from "./mount-calls.ts";
import type { MountOptions } from "./mount-options.ts";

/** A new file system or a clone, ready in T1, goes to its destination; propagation is set where it then is. */
export function place(
  plan: PlanBuilder,
  destination: string,
  want: Want,
  options: Pick<MountOptions, "propagation">,
): void {
  const strict = isProcOrSys(destination);
  openDestination(plan, destination, want, T2, { strict });
  // What may be mounted below /proc by that name was checked with the document; a link may lead there, too.
  if (!strict) refuseProc(plan, T2, "==");
  attach(plan, T1, T2);
  for (const { type, recursive } of options.propagation)
    setAttributes(plan, T1, { set: 0, clear: 0, propagation: type }, recursive);
  close(plan, T1);
  close(plan, T2);
}

/** Fails where the file system of `descriptor` is ("==") or is not ("!=") a procfs (2019-16884). T3 is used. */
export function refuseProc(plan: PlanBuilder, descriptor: Register, when: "==" | "!="): void {
  const allowed = plan.label();
  const statfs = plan.shared("statfs", [], () => plan.reserve(STATFS_BYTES, "statfs"));
  plan.call("fstatfs", [descriptor, statfs]);
  plan.load(T3, new DataRef(statfs.offset), 8);
  plan.jump(allowed, T3, ALL, when === "==" ? "!=" : "==", PROC_SUPER_MAGIC);
  plan.fail(errno.EPERM);
  plan.place(allowed);
}
