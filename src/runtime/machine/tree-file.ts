/**
 * Trees of the host's for bind mounts, as detached clones, with their ids mapped where that is asked for. The mapping is
 * that of a user namespace: one that the container joins, or else one that is made for it.
 * Source: open_tree(2); mount_setattr(2), ID-mapped mounts.
 */
import { TeuError } from "../../base/index.ts";
import { check, cString, errno, SystemCallFailed, syscall } from "../../sys/index.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  CLONE_NEWNS,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
  RESOLVE_NO_SYMLINKS,
} from "../compile/constants.ts";
import { T1, T2 } from "../compile/context.ts";
import { openHow } from "../compile/destination.ts";
import { PlanBuilder } from "../plan/builder.ts";
import type { IDMap, TreeStep } from "../plan/host-step.ts";
import { listen } from "./dialogue.ts";
import { Helper } from "./helper.ts";
import { makeUserNamespace, mapMount, openNamespaceFile } from "./user-namespace.ts";

/** The source of a bind mount cannot be cloned, or its ids cannot be mapped. */
export class CannotCloneTree extends TeuError<"cannot-clone-tree", { field: string; path: string }> {
  constructor(context: { field: string; path: string }, cause: SystemCallFailed) {
    const isMap = cause.context.call.includes("IDMAP") && cause.context.errno === "EINVAL";
    super(
      "cannot-clone-tree",
      isMap ? "unsupported" : cause.kind,
      context,
      `${context.field}: ${cause.message}`,
      {
        cause,
        ...(isMap && { hint: "Its file system, on this kernel, cannot map ids" }),
      },
    );
  }
}

/**
 * The tree that `step` asks for, for the container whose PID 1 is `pid`, and the source where that is asked for. The caller closes them.
 * @throws {CannotCloneTree}
 */
export function openTree(step: TreeStep, pid: number): readonly number[] {
  const { field, path, recursive, inside, idmap } = step;
  let opened: readonly number[] = [];
  try {
    const flags = OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
    opened = inside
      ? openTreeInside(pid, step, flags)
      : [check(syscall("open_tree", AT_FDCWD, cString(path), flags), "open_tree", path)];
    if (idmap !== undefined) mapTree(opened[0] ?? -1, path, idmap);
    return opened;
  } catch (error) {
    for (const descriptor of opened) syscall("close", descriptor);
    throw error instanceof SystemCallFailed ? new CannotCloneTree({ field, path }, error) : error;
  }
}

/** In the mount namespace of `pid`, by a process of the host's user namespace: it may go where PID 1 may not. */
function openTreeInside(
  pid: number,
  { path, withSource = false }: Pick<TreeStep, "path" | "withSource">,
  flags: number,
): readonly number[] {
  const plan = new PlanBuilder();
  const namespace = plan.slot({ kind: "file", path: `/proc/${pid}/ns/mnt`, flags: "read" });
  plan.call("setns", [namespace, CLONE_NEWNS]);
  if (withSource) {
    const how = openHow(plan, O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE_NO_SYMLINKS);
    plan.call("openat2", [AT_FDCWD, plan.text(path), how, 24], { result: T2 });
    plan.call("open_tree", [T2, plan.text(""), flags | AT_EMPTY_PATH], { result: T1 });
  } else plan.call("open_tree", [AT_FDCWD, plan.text(path), flags], { result: T1 });
  plan.sync("tree", { descriptors: withSource ? [T1, T2] : [T1] });
  using helper = new Helper(plan.finish(), 0);
  const said = listen(helper.socket);
  if (said.kind === "fail") check(-said.errno, "open_tree", path);
  const descriptors = said.kind === "sync" ? said.descriptors : [];
  if (descriptors.length === 0) check(-errno.ESRCH, "open_tree", path);
  return descriptors;
}

function mapTree(tree: number, path: string, idmap: IDMap): void {
  const namespace =
    "namespace" in idmap
      ? openNamespaceFile(idmap.namespace)
      : makeUserNamespace(idmap.uidMappings, idmap.gidMappings);
  try {
    mapMount(tree, path, namespace, idmap.recursive);
  } finally {
    syscall("close", namespace);
  }
}
