/** Pausing all processes of a container: v1 freezer.state, v2 cgroup.freeze. Source: kernel cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst. */
import { TeuError } from "../../base/index.ts";
import { readCgroupFileIfAny, writeCgroupFile } from "./file.ts";
import type { CgroupPaths } from "./path.ts";

/** The processes did not all stop in time; they run again. */
export class FreezeFailed extends TeuError<"freeze-failed", { path: string; why: string }> {
  constructor(context: { path: string; why: string }) {
    super(
      "freeze-failed",
      "failed-precondition",
      context,
      context.path === ""
        ? "Cannot pause the container: it has no cgroup of its own"
        : `Cannot freeze cgroup ${context.path}: ${context.why}`,
    );
  }
}

/** Whether the container is paused, by its own cgroup; frozen with a parent does not count. */
export function isFrozen(paths: CgroupPaths): boolean {
  const v1 = paths["freezer"];
  if (v1 !== undefined) {
    const state = readCgroupFileIfAny(`${v1}/freezer.state`);
    if (state === undefined || state === "THAWED") return false;
    return readCgroupFileIfAny(`${v1}/freezer.self_freezing`) !== "0";
  }
  const unified = paths[""];
  return unified !== undefined && readCgroupFileIfAny(`${unified}/cgroup.freeze`) === "1";
}

/** Whether who enters stops: the cgroup is frozen, or one above it. */
export function isEffectivelyFrozen(paths: CgroupPaths): boolean {
  const v1 = paths["freezer"];
  if (v1 !== undefined) return (readCgroupFileIfAny(`${v1}/freezer.state`) ?? "THAWED") !== "THAWED";
  const unified = paths[""];
  return unified !== undefined && /^frozen 1$/m.test(readCgroupFileIfAny(`${unified}/cgroup.events`) ?? "");
}

const V1_ATTEMPTS = 1000;
const V2_WAITS = 1000;

/** Stops all processes, returns when they have stopped. @throws {FreezeFailed} */
export function freeze(paths: CgroupPaths): void {
  const v1 = paths["freezer"];
  const unified = paths[""];
  if (v1 !== undefined) freezeV1(v1);
  else if (unified !== undefined) freezeV2(unified);
  else throw new FreezeFailed({ path: Object.values(paths)[0] ?? "", why: "no hierarchy has the freezer" });
}

/** While processes fork, v1 stays in FREEZING: asked again and again, thawed now and then, it gets there. */
function freezeV1(path: string): void {
  const file = `${path}/freezer.state`;
  for (let attempt = 0; attempt < V1_ATTEMPTS; attempt++) {
    if (attempt % 50 === 49) {
      writeCgroupFile(file, "THAWED");
      Bun.sleepSync(10);
    }
    writeCgroupFile(file, "FROZEN");
    if (attempt % 25 === 24) Bun.sleepSync(1);
    if (readCgroupFileIfAny(file) === "FROZEN") return;
  }
  writeCgroupFile(file, "THAWED");
  throw new FreezeFailed({ path, why: "its processes stay in FREEZING" });
}

function freezeV2(path: string): void {
  writeCgroupFile(`${path}/cgroup.freeze`, "1");
  for (let wait = 0; wait < V2_WAITS; wait++) {
    if (readCgroupFileIfAny(`${path}/cgroup.events`)?.split("\n").includes("frozen 1")) return;
    Bun.sleepSync(wait < 10 ? 1 : 10);
  }
  writeCgroupFile(`${path}/cgroup.freeze`, "0");
  throw new FreezeFailed({ path, why: "cgroup.events does not say frozen" });
}

/** Lets all processes run again. */
export function thaw(paths: CgroupPaths): void {
  const v1 = paths["freezer"];
  const unified = paths[""];
  if (v1 !== undefined) writeCgroupFile(`${v1}/freezer.state`, "THAWED");
  else if (unified !== undefined) writeCgroupFile(`${unified}/cgroup.freeze`, "0");
}
