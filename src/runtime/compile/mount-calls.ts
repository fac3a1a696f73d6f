/**
 * What mounts are made of: a detached mount in a register, its attributes, its place. Nothing here takes a path string
 * below the container's root. Source: fsopen(2), open_tree(2), mount_setattr(2), move_mount(2).
 */
import { answeredDescriptor, type PlanBuilder } from "../plan/builder.ts";
import type { TreeStep } from "../plan/host-step.ts";
import { DataRef, type Operand, type Register, type Rules } from "../plan/plan.ts";
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
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  O_CLOEXEC,
  OPEN_TREE_CLONE,
  STATX_BASIC_STATS,
  STATX_BYTES,
  STX_MODE,
} from "./constants.ts";
import { close, T2 } from "./context.ts";
import { type Attributes, IVERSION } from "./mount-options.ts";

/** Parameters of a file system: a word alone, or with its value. */
export type FileSystemData = readonly (readonly [string, string | undefined])[];

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

/** Tells a file system about to be made, or changed, its parameters. */
export function configure(plan: PlanBuilder, context: Register, data: FileSystemData): void {
  for (const [key, value] of data)
    if (value !== undefined)
      plan.call("fsconfig", [context, FSCONFIG_SET_STRING, plan.text(key), plan.text(value)]);
    else
      plan.call("fsconfig", [context, FSCONFIG_SET_FLAG, plan.text(key)], {
        // What does not have the word keeps versions of its inodes always, or never: nothing can be asked of it.
        ...(key === IVERSION && { on: { EINVAL: "next" } }),
      });
}

/** A detached mount of a new file system in `into`. `on`: where it may not be made. */
export function newFileSystem(
  plan: PlanBuilder,
  type: string,
  data: FileSystemData,
  attributes: number,
  into: Register,
  on: Rules = {},
): void {
  plan.call("fsopen", [plan.text(type), FSOPEN_CLOEXEC], { result: T2, on });
  configure(plan, T2, data);
  plan.call("fsconfig", [T2, FSCONFIG_CMD_CREATE], { on });
  plan.call("fsmount", [T2, FSMOUNT_CLOEXEC, attributes], { result: into, on });
  close(plan, T2);
}

/**
 * A clone of the host's tree at `source` in `into`. init opens it as it is in the container's mount namespace: what the host
 * has mounted read-only a user namespace's root cannot make writable again. Where it may not go the parent opens it there.
 */
export function cloneTree(
  plan: PlanBuilder,
  source: string,
  into: Register,
  options: { recursive: boolean; byParent: boolean },
): void {
  const { recursive, byParent } = options;
  const [denied, opened] = [plan.label(), plan.label()];
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  plan.call("open_tree", [AT_FDCWD, plan.text(source), flags], {
    result: into,
    ...(byParent && { on: { EACCES: denied } }),
  });
  plan.place(opened);
  if (!byParent) return;
  plan.addFuel(1);
  plan.later(() => {
    plan.place(denied);
    takeTree(plan, into, { path: source, recursive, inside: true });
    plan.goto(opened);
  });
}

/** `into` becomes a tree that the parent opens, and `source` the directory of which it is a clone. */
export function takeTree(
  plan: PlanBuilder,
  into: Register,
  tree: Omit<TreeStep, "kind" | "field" | "withSource">,
  source?: Register,
): void {
  plan.sync("tree");
  plan.host({ kind: "tree", field: plan.field, ...tree, ...(source && { withSource: true }) });
  plan.move(into, answeredDescriptor(0));
  if (source !== undefined) plan.move(source, answeredDescriptor(1));
}

/** `into` becomes the st_mode of what `descriptor` names. Returns where its `struct statx` is. */
export function loadMode(plan: PlanBuilder, descriptor: Operand, into: Register): DataRef {
  const stat = plan.shared("statx", [], () => plan.reserve(STATX_BYTES, "statx"));
  plan.call("statx", [descriptor, plan.text(""), AT_EMPTY_PATH, STATX_BASIC_STATS, stat]);
  plan.load(into, new DataRef(stat.offset + STX_MODE), 2);
  return stat;
}
