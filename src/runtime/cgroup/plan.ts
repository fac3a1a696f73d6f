/**
 * From config.json to what is made and written in the cgroup hierarchies, as data, in order. Pure: what the machine
 * has comes in as `layout`.
 * Source: config-linux.md, control groups; default devices.
 */
import type { Linux, Resources } from "../../spec/index.ts";
import { type DevicePolicy, devicePolicy } from "./device-rules.ts";
import type { CgroupLayout } from "./layout.ts";
import { type CgroupPaths, cgroupPaths, unifiedPath } from "./path.ts";
import { devicesV1, limitsV1 } from "./v1.ts";
import { limitsV2 } from "./v2.ts";
import type { CgroupWrite } from "./write.ts";

/** The v2 controllers that a runtime's limits and statistics need, and what a container may pass on. */
const CONTROLLERS = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"];

/** A directory to make. */
export interface CgroupDirectory {
  readonly path: string;
  /** Where its hierarchy begins: nothing above is made or removed. */
  readonly mountPoint: string;
  /** v1 cpuset: empty until written, and no process may enter it before. What is written here is not copied from the parent. */
  readonly cpuset?: { readonly cpus?: string; readonly mems?: string };
  /** v2: the controllers that the cgroups above have to pass down. */
  readonly controllers?: readonly string[];
}

/** How the container's first process gets in. */
export interface CgroupJoin {
  /** v1: it writes `0` to each of these files, passed to it open. */
  readonly files: readonly string[];
  /** v2, also beside v1: it is cloned into this one. To write to its cgroup.procs would take a grace period: 4 to 14 ms. */
  readonly directory?: string;
}

export interface CgroupPlan {
  readonly paths: CgroupPaths;
  readonly directories: readonly CgroupDirectory[];
  readonly join: CgroupJoin;
  readonly limits: readonly CgroupWrite[];
  /** v2 has no files for devices: a program is attached to the directory. */
  readonly deviceProgram?: { readonly directory: string; readonly policy: DevicePolicy };
}

/** Plans the cgroups of one container. @throws {ControllerMissing} {InvalidLimit} {UnsupportedDeviceRule} */
export function planCgroup(linux: Linux | undefined, containerID: string, layout: CgroupLayout): CgroupPlan {
  const resources = linux?.resources ?? {};
  const policy = devicePolicy(resources.devices ?? [], linux?.devices);
  const { v1, unified } = layout;
  const paths = cgroupPaths(layout, linux?.cgroupsPath, containerID);
  const directories: CgroupDirectory[] = [];
  const files: string[] = [];
  for (const { controllers, mountPoint } of v1) {
    const path = paths[controllers[0] ?? ""] ?? "";
    const hasCpuset = controllers.includes("cpuset");
    directories.push({
      path,
      mountPoint,
      ...(hasCpuset && { cpuset: cpusetOf(resources) }),
    });
    // `tasks` moves one thread and costs a fraction of cgroup.procs; init has no other.
    files.push(`${path}/tasks`);
  }
  if (unified !== undefined) {
    const path = paths[""] ?? "";
    const { mountPoint } = unified;
    if (v1.length === 0) {
      directories.push({ path, mountPoint, controllers: CONTROLLERS });
      const limits = limitsV2(resources, path);
      const join = { files: [], directory: path };
      return { paths, directories, join, limits, deviceProgram: { directory: path, policy } };
    }
    const { controllers } = splitHybrid(resources, paths, layout.unifiedControllers);
    directories.push({ path, mountPoint, controllers });
  }
  return {
    paths,
    directories,
    join: { files, ...(paths[""] !== undefined && { directory: paths[""] }) },
    limits: [...devicesV1(policy, paths), ...limitsHybrid(resources, paths, layout.unifiedControllers)],
  };
}

/** Whether a write has to stand before the first process is inside. */
export function precedesJoin({ controller, clause }: CgroupWrite): boolean {
  // The rules for devices begin with "none", and init makes devices; a caller with realtime priority cannot enter without a share.
  return controller === "devices" || clause.startsWith("linux.resources.cpu.realtime");
}

/** The fields that a hybrid may have a controller for in the unified hierarchy alone: its name there, and on v1. */
const HYBRID = {
  memory: ["memory", "memory"],
  pids: ["pids", "pids"],
  blockIO: ["io", "blkio"],
  hugepageLimits: ["hugetlb", "hugetlb"],
  rdma: ["rdma", "rdma"],
} as const;

/** `resources` of a host with v1 hierarchies: each field for the one that has its controller. */
function splitHybrid(
  resources: Resources,
  paths: CgroupPaths,
  unifiedControllers: readonly string[] = [],
): { readonly v1: Resources; readonly unified: Resources; readonly controllers: readonly string[] } {
  const moved = Object.entries(HYBRID).filter(
    ([field, [name, v1]]) =>
      Object.hasOwn(resources, field) && paths[v1] === undefined && unifiedControllers.includes(name),
  );
  const isMoved = (field: string): boolean => moved.some(([name]) => name === field);
  const entries = Object.entries(resources);
  return {
    v1: Object.fromEntries(entries.filter(([field]) => !isMoved(field))),
    unified: Object.fromEntries(entries.filter(([field]) => isMoved(field))),
    controllers: moved.map(([, [name]]) => name),
  };
}

function limitsHybrid(
  resources: Resources,
  paths: CgroupPaths,
  unifiedControllers?: readonly string[],
): readonly CgroupWrite[] {
  const { v1, unified } = splitHybrid(resources, paths, unifiedControllers);
  return [...limitsV1(v1, paths), ...limitsV2(unified, paths[""] ?? "")];
}

function cpusetOf({ cpu }: Resources): { cpus?: string; mems?: string } {
  return { ...(cpu?.cpus && { cpus: cpu.cpus }), ...(cpu?.mems && { mems: cpu.mems }) };
}

/** The writes of `update`: limits only, devices are never rewritten. @throws {ControllerMissing} {InvalidLimit} */
export function planUpdate(
  resources: Resources,
  paths: CgroupPaths,
  { unifiedControllers }: CgroupLayout,
): readonly CgroupWrite[] {
  const unified = unifiedPath(paths);
  return unified === undefined
    ? limitsHybrid(resources, paths, unifiedControllers)
    : limitsV2(resources, unified);
}
