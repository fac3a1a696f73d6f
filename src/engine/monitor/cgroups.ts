/** What a monitor has to do with cgroups: those that it is in, and the one whose dead are counted. */
import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { hasCode } from "../../base/index.ts";
import { type CgroupLayout, type Hierarchy, readCgroupLayout } from "../../runtime/index.ts";
import { errnoOf, isInUserNamespace } from "../../sys/index.ts";
import { MONITORS_CGROUP } from "../paths.ts";

/** What a monitor of its own cgroups is started with. Disposing closes it. */
export interface MonitorCgroups extends Disposable {
  /** The directory of the unified hierarchy that it is born in: to move there would take a grace period. */
  readonly directory?: number;
  /** The `tasks` of v1 hierarchies, for it to write to. */
  readonly joins: readonly number[];
}

/**
 * Makes the monitors' cgroups and opens them. A monitor that stayed in those of its starter would end with a session or a unit that
 * systemd ends, and count against what they may use. v1's cpuset is left out: it ends nobody, and takes nobody before it has
 * been filled in. So is a hierarchy that we may not change: a container cannot be put there either, and its runtime says so.
 * In a user namespace it stays where its starter is: to be moved takes rights in what both places have above them.
 */
export function openMonitorCgroups(): MonitorCgroups {
  if (isInUserNamespace()) return { joins: [], [Symbol.dispose]: () => undefined };
  const { v1, unified } = layoutOf("self");
  using opening = new DisposableStack();
  const open = (hierarchy: Hierarchy, file: string, flags: number) => {
    const descriptor = openBelow(hierarchy, file, flags);
    if (descriptor !== undefined) opening.defer(() => closeSync(descriptor));
    return descriptor;
  };
  const joins = v1
    .filter(({ controllers }) => !controllers.includes("cpuset"))
    .map((hierarchy) => open(hierarchy, "/tasks", constants.O_WRONLY))
    .filter((descriptor) => descriptor !== undefined);
  const directory = unified && open(unified, "", constants.O_RDONLY | constants.O_DIRECTORY);
  const opened = opening.move();
  return {
    joins,
    ...(directory !== undefined && { directory }),
    [Symbol.dispose]: () => opened.dispose(),
  };
}

/** A file of the monitors' cgroup in `hierarchy`, or the directory itself. */
function openBelow({ mountPoint }: Hierarchy, file: string, flags: number): number | undefined {
  const directory = `${mountPoint}${MONITORS_CGROUP}`;
  try {
    try {
      return openSync(`${directory}${file}`, flags);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      mkdirSync(directory, { recursive: true }); // the first of this boot
      return openSync(`${directory}${file}`, flags);
    }
  } catch (error) {
    if (["EACCES", "EPERM", "EROFS"].includes(errnoOf(error))) return undefined;
    throw error;
  }
}

/** Where process `pid` is in the hierarchies that may count memory, by controller; not at the top of one, where not only its container is counted. */
export function pathsOf(pid: number): Readonly<Record<string, string>> {
  const { v1, unified } = layoutOf(pid);
  const named = [...v1, ...(unified === undefined ? [] : [unified])].filter(({ own }) => own !== "/");
  return Object.fromEntries(
    named.flatMap(({ controllers, mountPoint, own }) =>
      (controllers.length === 0 ? [""] : controllers).map((name) => [name, `${mountPoint}${own}`]),
    ),
  );
}

/**
 * The file that counts what the kernel kills for want of memory in a container's cgroup, which the caller closes; undefined where nobody counts.
 * Source: kernel cgroup-v1/memory.rst, memory.oom_control; cgroup-v2.rst, memory.events.
 */
export function openOomEvents(paths: Readonly<Record<string, string>>): number | undefined {
  const { memory, "": unified } = paths;
  if (memory === undefined && unified === undefined) return undefined;
  try {
    return openSync(memory === undefined ? `${unified}/memory.events` : `${memory}/memory.oom_control`, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Whatever runtime made the container, /proc says where it is. */
function layoutOf(process: number | "self"): CgroupLayout {
  try {
    return readCgroupLayout(process);
  } catch (error) {
    if (hasCode(error, "no-cgroups")) return { v1: [] };
    throw error;
  }
}
