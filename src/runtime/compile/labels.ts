/**
 * The security labels that the program and its keys get. They are written through a procfs that the parent made before anything of
 * the container was there, so that no mount of the container's can redirect the write (2019-16884, 2025-52881).
 * Source: runtime-spec config.md, process.apparmorProfile, process.selinuxLabel; config-linux.md, Mount label; aa_change_onexec(3),
 * setexeccon(3), setkeycreatecon(3).
 */

import type { Process } from "../../spec/index.ts";
import { byteLength } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import type { Rules } from "../plan/plan.ts";
import { O_CLOEXEC, O_WRONLY, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV } from "./constants.ts";
import { close, T1 } from "./context.ts";
import { openHow } from "./destination.ts";
import type { FileSystemData } from "./mount-calls.ts";

const HOW_BYTES = 24;

/** The slot of the procfs, if the process has a label. */
export function labelSlot(plan: PlanBuilder, process: Process | undefined): number | undefined {
  const hasLabel = process?.apparmorProfile || process?.selinuxLabel;
  return hasLabel ? plan.slot({ kind: "procfs" }) : undefined;
}

/** Last before the identity changes; hooks that run earlier have nothing of it. `self` is init, as the host counts. */
export function compileLabels(plan: PlanBuilder, procfs: number | undefined, process: Process): void {
  if (procfs === undefined) return;
  const { apparmorProfile, selinuxLabel } = process;
  if (apparmorProfile) compileProfile(plan, procfs, `exec ${apparmorProfile}`);
  if (selinuxLabel) {
    plan.section("process.selinuxLabel", "config.md, process.selinuxLabel");
    openAttribute(plan, procfs, "exec");
    write(plan, selinuxLabel);
  }
  plan.call("close", [procfs]);
}

/** Kernels before 5.8 have one file for all modules. */
function compileProfile(plan: PlanBuilder, procfs: number, text: string): void {
  plan.section("process.apparmorProfile", "config.md, process.apparmorProfile");
  const [older, opened] = [plan.label(), plan.label()];
  openAttribute(plan, procfs, "apparmor/exec", { ENOENT: older });
  plan.place(opened);
  write(plan, text);
  plan.addFuel(1);
  plan.later(() => {
    plan.place(older);
    openAttribute(plan, procfs, "exec");
    plan.goto(opened);
  });
}

/** Keys that are made by `work` have the process's label, as runc has it. */
export function labellingKeys(
  plan: PlanBuilder,
  procfs: number | undefined,
  process: Process | undefined,
  work: () => void,
): void {
  const label = process?.selinuxLabel;
  if (procfs === undefined || !label) {
    work();
    return;
  }
  const say = (text: string): void => {
    plan.section("process.selinuxLabel", "config.md, process.selinuxLabel");
    openAttribute(plan, procfs, "keycreate");
    write(plan, text);
  };
  say(label);
  work();
  say("");
}

function openAttribute(plan: PlanBuilder, procfs: number, name: string, on: Rules = {}): void {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  const how = openHow(plan, O_WRONLY | O_CLOEXEC, resolve);
  plan.call("openat2", [procfs, plan.text(`self/attr/${name}`), how, HOW_BYTES], { result: T1, on });
}

function write(plan: PlanBuilder, text: string): void {
  plan.call("write", [T1, plan.text(text), byteLength(text)]);
  close(plan, T1);
}

/** Of these the kernel knows labels by its policy alone. */
const UNLABELLED: ReadonlySet<string> = new Set(["proc", "sysfs", "cgroup", "cgroup2", "mqueue"]);

/** The parameter by which all files of a new file system have the container's label; one that is given by hand goes before. */
export function labelData(
  type: string,
  mountLabel: string | undefined,
  data: FileSystemData,
): FileSystemData {
  if (!mountLabel || UNLABELLED.has(type) || data.some(([key]) => key.endsWith("context"))) return data;
  return [...data, ["context", mountLabel]];
}
