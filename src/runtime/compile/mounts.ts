/**
 * config.json's mounts, in order: each is made detached, then attached to a descriptor of its destination.
 * Source: runtime-spec config.md, Mounts; fsopen(2), open_tree(2), mount_setattr(2), move_mount(2).
 */
import { resolvePath, Unsupported } from "../../base/index.ts";
import type { Mount } from "../../spec/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import type { Operand, Register, Rules } from "../plan/plan.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR_BYTES,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  O_CLOEXEC,
  OPEN_TREE_CLONE,
} from "./constants.ts";
import { type Circumstances, close, T1, T2 } from "./context.ts";
import { componentsOf, openDestination } from "./destination.ts";
import { type Attributes, type MountOptions, parseMountOptions } from "./mount-options.ts";

const CLAUSE = "config.md, Mounts";

/** mount_setattr on what a descriptor names; nothing when there is nothing to change. */
export function setAttributes(
  plan: PlanBuilder,
  tree: Operand,
  attributes: Attributes & { propagation?: number },
  recursive: boolean,
): void {
  const { set, clear, propagation = 0 } = attributes;
  if (set === 0 && clear === 0 && propagation === 0) return;
  const attr = plan.shared("mount_attr", [set, clear, propagation], () => {
    const shows = `{attr_set=0x${set.toString(16)}, attr_clr=0x${clear.toString(16)}, propagation=0x${propagation.toString(16)}}`;
    return plan.words([set, clear, propagation, 0], shows);
  });
  plan.call("mount_setattr", [
    tree,
    plan.text(""),
    AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
    attr,
    MOUNT_ATTR_BYTES,
  ]);
}

/** Attaches the detached mount in `tree` to the place that `at` names. */
export function attach(plan: PlanBuilder, tree: Operand, at: Operand, on: Rules = {}): void {
  const empty = plan.text("");
  plan.call("move_mount", [tree, empty, at, empty, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH], {
    on,
  });
}

/** A detached mount of a new file system in `into`. */
export function newFileSystem(
  plan: PlanBuilder,
  type: string,
  data: readonly (readonly [string, string | undefined])[],
  attributes: number,
  into: Register,
): void {
  plan.call("fsopen", [plan.text(type), FSOPEN_CLOEXEC], { result: T2 });
  for (const [key, value] of data)
    if (value === undefined) plan.call("fsconfig", [T2, FSCONFIG_SET_FLAG, plan.text(key)]);
    else plan.call("fsconfig", [T2, FSCONFIG_SET_STRING, plan.text(key), plan.text(value)]);
  plan.call("fsconfig", [T2, FSCONFIG_CMD_CREATE]);
  plan.call("fsmount", [T2, FSMOUNT_CLOEXEC, attributes], { result: into });
  close(plan, T2);
}

/** All mounts of config.json. Read-only tmpfs stay writable until `finishReadonly`: destinations are made in them. */
export function compileMounts(
  plan: PlanBuilder,
  mounts: readonly Mount[],
  world: Circumstances,
  inUserNamespace: boolean,
): void {
  mounts.forEach((mount, index) => {
    plan.section(`mounts[${index}] ${mount.destination}`, CLAUSE);
    compileMount(plan, `mounts[${index}]`, mount, world, inUserNamespace);
  });
}

/** The second half of read-only tmpfs mounts. */
export function finishReadonly(plan: PlanBuilder, mounts: readonly Mount[]): void {
  mounts.forEach((mount, index) => {
    const options = parseMountOptions(mount.options ?? []);
    if (!isDelayed(mount, options)) return;
    plan.section(`mounts[${index}] ${mount.destination}`, CLAUSE);
    openDestination(plan, mount.destination, "directory", T1);
    setAttributes(plan, T1, { set: MOUNT_ATTR_RDONLY, clear: 0 }, false);
    close(plan, T1);
  });
}

function isDelayed(mount: Mount, options: MountOptions): boolean {
  return (
    mount.type === "tmpfs" && options.bind === "no" && (options.attributes.set & MOUNT_ATTR_RDONLY) !== 0
  );
}

function compileMount(
  plan: PlanBuilder,
  field: string,
  mount: Mount,
  world: Circumstances,
  inUserNamespace: boolean,
): void {
  const options = parseMountOptions(mount.options ?? []);
  const isBind = options.bind !== "no" || mount.type === "bind" || mount.type === "none";
  if (options.tmpcopyup)
    throw new Unsupported({ what: `${field}.options`, why: '"tmpcopyup" is not built yet' });
  if (isBind) compileBind(plan, mount, options, world, inUserNamespace);
  else if (mount.type === "cgroup" || mount.type === "cgroup2")
    compileCgroup(plan, mount, options, world, inUserNamespace);
  else {
    const type = mount.type ?? "";
    const set = isDelayed(mount, options)
      ? options.attributes.set & ~MOUNT_ATTR_RDONLY
      : options.attributes.set;
    const source = mount.source === undefined ? [] : [["source", mount.source] as const];
    newFileSystem(plan, type, [...source, ...options.data], set, T1);
    setAttributes(plan, T1, options.recursive, true);
    place(plan, mount.destination, "directory", options);
  }
}

/** A new file system or a clone, ready in T1, goes to its destination; propagation is set where it then is. */
function place(
  plan: PlanBuilder,
  destination: string,
  want: "directory" | "file",
  options: MountOptions,
): void {
  openDestination(plan, destination, want, T2, { strict: isProcOrSys(destination) });
  attach(plan, T1, T2);
  for (const { type, recursive } of options.propagation)
    setAttributes(plan, T1, { set: 0, clear: 0, propagation: type }, recursive);
  close(plan, T1);
  close(plan, T2);
}

/** At and under /proc and /sys no link is followed: 2019-19921. */
function isProcOrSys(destination: string): boolean {
  const [first] = componentsOf(destination);
  return first === "proc" || first === "sys";
}

/** The host's path of a bind source. */
export function bindSource(mount: Mount, bundle: string): string {
  return resolvePath(bundle, mount.source ?? "");
}

function compileBind(
  plan: PlanBuilder,
  mount: Mount,
  options: MountOptions,
  world: Circumstances,
  inUserNamespace: boolean,
): void {
  const source = bindSource(mount, world.bundle);
  const isRecursive = options.bind !== "bind";
  cloneTree(plan, source, isRecursive, inUserNamespace);
  setAttributes(plan, T1, options.attributes, false);
  setAttributes(plan, T1, options.recursive, true);
  place(plan, mount.destination, world.sources.get(source) ?? "directory", options);
}

/** A clone of the host's tree at `source` in T1. In a user namespace the parent cloned it: its path may be unreadable here. */
function cloneTree(plan: PlanBuilder, source: string, recursive: boolean, inUserNamespace: boolean): void {
  if (inUserNamespace) plan.move(T1, plan.slot({ kind: "tree", path: source, recursive }));
  else
    plan.call(
      "open_tree",
      [AT_FDCWD, plan.text(source), OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0)],
      {
        result: T1,
      },
    );
}

/**
 * The container's own view of its cgroups. v2: one file system; v1: a tmpfs with a directory for each hierarchy.
 * In a cgroup namespace of its own a fresh mount shows the container's cgroup as the root; else that directory is bound.
 */
function compileCgroup(
  plan: PlanBuilder,
  mount: Mount,
  options: MountOptions,
  world: Circumstances,
  inUserNamespace: boolean,
): void {
  const { attributes } = options;
  if (world.cgroup.version === 2) {
    const [unified] = world.cgroup.mounts;
    if (world.cgroupNamespace) newFileSystem(plan, "cgroup2", [["source", "cgroup"]], attributes.set, T1);
    else if (unified !== undefined) {
      cloneTree(plan, unified.path, false, inUserNamespace);
      setAttributes(plan, T1, attributes, false);
    }
    place(plan, mount.destination, "directory", options);
    return;
  }
  newFileSystem(
    plan,
    "tmpfs",
    [
      ["source", "tmpfs"],
      ["mode", "755"],
    ],
    attributes.set & ~MOUNT_ATTR_RDONLY,
    T1,
  );
  place(plan, mount.destination, "directory", { ...options, propagation: [] });
  for (const hierarchy of world.cgroup.mounts) {
    if (world.cgroupNamespace) {
      const data = hierarchy.controllers.flatMap((name): (readonly [string, string | undefined])[] =>
        name.startsWith("name=")
          ? [
              ["none", undefined],
              ["name", name.slice(5)],
            ]
          : [[name, undefined]],
      );
      if (data.length === 0) newFileSystem(plan, "cgroup2", [["source", "cgroup"]], attributes.set, T1);
      else newFileSystem(plan, "cgroup", [["source", "cgroup"], ...data], attributes.set, T1);
    } else {
      cloneTree(plan, hierarchy.path, false, inUserNamespace);
      setAttributes(plan, T1, attributes, false);
    }
    place(plan, `${mount.destination}/${hierarchy.name}`, "directory", options);
  }
  finishCgroupRoot(plan, mount, options);
}

function finishCgroupRoot(plan: PlanBuilder, mount: Mount, options: MountOptions): void {
  openDestination(plan, mount.destination, "directory", T1, { strict: true });
  setAttributes(plan, T1, { set: options.attributes.set & MOUNT_ATTR_RDONLY, clear: 0 }, false);
  close(plan, T1);
}
