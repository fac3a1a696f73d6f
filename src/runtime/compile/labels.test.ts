import { expect, test } from "bun:test";
import { PlanBuilder } from "../plan/builder.ts";
import { printPlan } from "../plan/print.ts";
import { compileLabels, labelSlot } from "./labels.ts";

const PROCESS = { user: { uid: 0, gid: 0 }, cwd: "/" };

test("compileLabels() writes through the parent's procfs and by no path of the container (2019-16884, 2025-52881)", () => {
  const plan = new PlanBuilder();
  const process = { ...PROCESS, apparmorProfile: "docker-default" };
  compileLabels(plan, labelSlot(plan, process), process);
  // RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH
  expect(printPlan(plan.finish()).split("\n")).toEqual([
    "process.apparmorProfile                           config.md, process.apparmorProfile",
    '     0  r20 = openat2(5, "self/attr/apparmor/exec", {flags=02000001, resolve=0xb}, 24)  ENOENT: to 4',
    '     1  write(r20, "exec docker-default", 19)',
    "     2  close(r20)",
    "     3  close(5)",
    '     4  r20 = openat2(5, "self/attr/exec", {flags=02000001, resolve=0xb}, 24)',
    "     5  to 1",
    "inherited descriptors",
    "     5  fsmount(proc)",
    "",
  ]);
});

test.each([{}, { apparmorProfile: "" }])("labelSlot() opens nothing for %j", (label) => {
  const plan = new PlanBuilder();
  const process = { ...PROCESS, ...label };
  const slot = labelSlot(plan, process);
  expect(slot).toBeUndefined();
  compileLabels(plan, slot, process);
  expect(plan.finish().count).toBe(0);
});
