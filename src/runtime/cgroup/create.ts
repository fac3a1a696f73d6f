/** Making a container's cgroups. */

import { TeuError } from "../../base/index.ts";
import { errnoOf, mkdirSync, rmdirSync } from "../../sys/index.ts";
import { readCgroupFile, readCgroupFileIfAny, writeAllToCgroup, writeCgroupFile } from "./file.ts";
import { isEffectivelyFrozen } from "./freezer.ts";
import type { CgroupDirectory, CgroupPlan } from "./plan.ts";

/** A cgroup of this path exists and is in use. */
export class CgroupNotEmpty extends TeuError<"cgroup-not-empty", { path: string; processes: number }> {
  constructor(context: { path: string; processes: number }) {
    super(
      "cgroup-not-empty",
      "failed-precondition",
      context,
      `linux.cgroupsPath: cannot use cgroup ${context.path}: container's cgroup is not empty: ${context.processes} process(es) found`,
    );
  }
}

/** A cgroup of this path exists and is frozen: whoever enters stops. */
export class CgroupFrozen extends TeuError<"cgroup-frozen", { path: string }> {
  constructor(context: { path: string }) {
    super(
      "cgroup-frozen",
      "failed-precondition",
      context,
      `linux.cgroupsPath: cannot use cgroup ${context.path}: container's cgroup unexpectedly frozen`,
    );
  }
}

/** A directory could not be made. */
export class CgroupNotCreated extends TeuError<"cgroup-not-created", { path: string; errno: string }> {
  constructor(context: { path: string; errno: string }, cause: unknown) {
    const isRefused = context.errno === "EACCES" || context.errno === "EPERM" || context.errno === "EROFS";
    super(
      "cgroup-not-created",
      isRefused ? "permission-denied" : "failed-precondition",
      context,
      `linux.cgroupsPath: cannot create cgroup ${context.path}: ${context.errno}`,
      { cause },
    );
  }
}

/**
 * Makes the plan's directories; what it made is removed again when it fails.
 * @param options.isUnit  systemd has made some already, and a process waits there.
 * @throws {CgroupNotCreated} {CgroupNotEmpty} {CgroupFrozen} {CgroupWriteFailed}
 */
export function createCgroup(plan: CgroupPlan, { isUnit = false }: { isUnit?: boolean } = {}): void {
  const made: string[] = [];
  try {
    for (const directory of plan.directories) {
      if (!makeDirectory(directory, directory.path, made) && !isUnit) refuseUsed(directory.path);
      passControllersDown(directory);
    }
    // Also a new one is frozen where one above it is, and init would stop there and never be heard of.
    refuseFrozen(plan);
  } catch (error) {
    for (const path of made.reverse()) removeQuietly(path);
    throw error;
  }
}

/** Makes `path` and what is missing above it, up to the mount point. Returns false if it was there. */
function makeDirectory(directory: CgroupDirectory, path: string, made: string[]): boolean {
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST") {
      if (directory.cpuset !== undefined) seedCpuset(directory, path, true);
      return false;
    }
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (errno !== "ENOENT" || parent.length <= directory.mountPoint.length)
      throw new CgroupNotCreated({ path, errno }, error);
    makeDirectory(directory, parent, made);
    return makeDirectory(directory, path, made);
  }
  made.push(path);
  if (directory.cpuset !== undefined) seedCpuset(directory, path, false);
  return true;
}

/**
 * v1: a cpuset without cpus and mems takes no process, and no more than those above it has it: who made one of a pod's may have
 * left them empty. Source: kernel cgroup-v1/cpusets.rst.
 */
function seedCpuset(directory: CgroupDirectory, path: string, existed: boolean): void {
  const parent = path.slice(0, path.lastIndexOf("/"));
  for (const name of ["cpus", "mems"] as const) {
    const file = `cpuset.${name}`;
    if (existed && readCgroupFile(`${path}/${file}`) !== "") continue;
    if (readCgroupFile(`${parent}/${file}`) === "" && parent.length > directory.mountPoint.length)
      seedCpuset(directory, parent, true);
    const asked = path === directory.path ? directory.cpuset?.[name] : undefined;
    const clause = asked === undefined ? "linux.cgroupsPath" : `linux.resources.cpu.${name}`;
    const value = asked ?? readCgroupFile(`${parent}/${file}`);
    writeAllToCgroup([{ controller: "cpuset", path: `${path}/${file}`, value, clause }]);
  }
}

function refuseUsed(path: string): void {
  const processes = readCgroupFile(`${path}/cgroup.procs`);
  if (processes !== "") throw new CgroupNotEmpty({ path, processes: processes.split("\n").length });
}

function refuseFrozen({ paths }: CgroupPlan): void {
  if (isEffectivelyFrozen(paths)) throw new CgroupFrozen({ path: paths["freezer"] ?? paths[""] ?? "" });
}

/**
 * v2: a cgroup has the controllers that every cgroup above it enables for its children. Those that cannot be enabled
 * are passed over: only a limit that needs one fails, when it is written.
 */
function passControllersDown({ path, mountPoint, controllers = [] }: CgroupDirectory): void {
  if (controllers.length === 0) return;
  const has = words(readCgroupFileIfAny(`${path}/cgroup.controllers`));
  const exists = words(readCgroupFileIfAny(`${mountPoint}/cgroup.controllers`));
  const missing = controllers.filter((name) => exists.has(name) && !has.has(name));
  if (missing.length === 0) return;
  const parts = path.slice(mountPoint.length + 1).split("/");
  let current = mountPoint;
  for (const part of parts) {
    enable(`${current}/cgroup.subtree_control`, missing);
    current += `/${part}`;
  }
}

function enable(file: string, controllers: readonly string[]): void {
  if (tryWrite(file, controllers.map((name) => `+${name}`).join(" "))) return;
  for (const name of controllers) tryWrite(file, `+${name}`);
}

function tryWrite(file: string, value: string): boolean {
  try {
    writeCgroupFile(file, value);
    return true;
  } catch {
    return false;
  }
}

function words(text: string | undefined): ReadonlySet<string> {
  return new Set(text?.split(" "));
}

function removeQuietly(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // The failure that brought us here is the one to tell; an empty cgroup left behind is found by the next create.
  }
}
