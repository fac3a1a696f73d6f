/**
 * The container's own view of its cgroups. v2: one file system; v1: a tmpfs with a directory for each hierarchy, and a
 * link for each controller that shares one. In a cgroup namespace of its own a fresh mount shows the container's cgroup
 * as the root; else that directory is bound, as where the kernel refuses the fresh mount.
 * Source: runtime-spec config-linux.md, Control groups; cgroup_namespaces(7).
 */
import type { Mount } from "../../spec/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { MOUNT_ATTR_RDONLY } from "./constants.ts";
import { type CgroupMount, close, T1, T2 } from "./context.ts";
import { openDestination } from "./destination.ts";
import { labelData } from "./labels.ts";
import { cloneTree, type FileSystemData, newFileSystem, setAttributes } from "./mount-calls.ts";
import type { MountOptions } from "./mount-options.ts";
import type { MountContext } from "./mounts.ts";
import { place } from "./place.ts";

export function compileCgroupMount(
  plan: PlanBuilder,
  mount: Mount,
  options: MountOptions,
  context: MountContext,
): void {
  const { destination } = mount;
  const { cgroup } = context.world;
  if (cgroup.version === 2) {
    for (const unified of cgroup.mounts.slice(0, 1)) makeHierarchy(plan, unified, options, context);
    place(plan, destination, "directory", options);
    return;
  }
  const data = [
    ["source", "tmpfs"],
    ["mode", "755"],
  ] as const;
  const labelled = labelData("tmpfs", context.linux.mountLabel, data);
  newFileSystem(plan, "tmpfs", labelled, options.attributes.set & ~MOUNT_ATTR_RDONLY, T1);
  place(plan, destination, "directory", { propagation: [] });
  for (const hierarchy of cgroup.mounts) {
    makeHierarchy(plan, hierarchy, options, context);
    place(plan, `${destination}/${hierarchy.name}`, "directory", options);
  }
  openDestination(plan, destination, "directory", T1, { strict: true });
  for (const { controllers, name } of cgroup.mounts)
    for (const controller of controllers)
      if (controller !== name && !controller.startsWith("name="))
        plan.call("symlinkat", [plan.text(name), T1, plan.text(controller)], { on: { EEXIST: "next" } });
  setAttributes(plan, T1, { set: options.attributes.set & MOUNT_ATTR_RDONLY, clear: 0 }, false);
  close(plan, T1);
}

/** T1 becomes a detached mount of the hierarchy as the container may see it. */
function makeHierarchy(
  plan: PlanBuilder,
  { controllers, path }: CgroupMount,
  { attributes }: MountOptions,
  { world, inUserNamespace }: MountContext,
): void {
  const [bind, done] = [plan.label(), plan.label()];
  if (world.cgroupNamespace) {
    const refused = { EPERM: bind, EBUSY: bind };
    const type = controllers.length === 0 ? "cgroup2" : "cgroup";
    newFileSystem(
      plan,
      type,
      [["source", "cgroup"], ...hierarchyData(controllers)],
      attributes.set,
      T1,
      refused,
    );
    plan.place(done);
    plan.later(() => {
      plan.place(bind);
      // Where it was the first call that failed there is nothing to close.
      plan.call("close", [T2], { on: { EBADF: "next" } });
      bindHierarchy();
      plan.addFuel(1);
      plan.goto(done);
    });
  } else bindHierarchy();

  function bindHierarchy(): void {
    cloneTree(plan, path, T1, { recursive: false, byParent: inUserNamespace && !world.isRootless });
    // Without a cgroup namespace the directory is the host's: a user namespace's root must not write to it (2023-25809).
    const isHosts = inUserNamespace && !world.cgroupNamespace;
    setAttributes(
      plan,
      T1,
      isHosts ? { ...attributes, set: attributes.set | MOUNT_ATTR_RDONLY } : attributes,
      false,
    );
  }
}

function hierarchyData(controllers: readonly string[]): FileSystemData {
  return controllers.flatMap(
    (name): FileSystemData =>
      name.startsWith("name=")
        ? [
            ["none", undefined],
            ["name", name.slice(5)],
          ]
        : [[name, undefined]],
  );
}
