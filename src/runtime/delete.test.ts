/** Drives the kernel: makes and removes cgroups. Needs root. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCgroup } from "./cgroup/create.ts";
import { readCgroupLayout } from "./cgroup/layout.ts";
import { planCgroup } from "./cgroup/plan.ts";
import { removeCgroup } from "./cgroup/remove.ts";
import { deleteContainer } from "./delete.ts";
import { claimState } from "./state.ts";

const noRoot = process.getuid?.() !== 0;
if (noRoot) console.log("skip: making cgroups needs root");

// They stayed for ever: without state.json nobody knew that they were there.
test.skipIf(noRoot)("a create that was killed before it saved a state leaves no cgroups behind", () => {
  const root = mkdtempSync(join(tmpdir(), "teu-delete-"));
  const parent = `/teu-delete-test-${process.pid}`;
  const cgroupsPath = `${parent}/killed`;
  const plan = planCgroup({ cgroupsPath }, "killed", readCgroupLayout());
  try {
    const state = claimState(root, "killed");
    createCgroup(plan);
    deleteContainer(root, "killed", { force: true, cgroupsPath });
    expect(plan.directories.filter(({ path }) => existsSync(path))).toEqual([]);
    expect(existsSync(state)).toBe(false);
  } finally {
    removeCgroup(planCgroup({ cgroupsPath: parent }, "killed", readCgroupLayout()).paths);
    rmSync(root, { recursive: true, force: true });
  }
});
