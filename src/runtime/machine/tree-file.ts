/**
 * Trees of the host's for bind mounts, as detached clones, with their ids mapped where that is asked for. The mapping is
 * that of a user namespace: one that the container joins, or else one that a process has to make and to which somebody has to
 * write: init makes it, and is killed as soon as the namespace is held by a descriptor.
 * Source: open_tree(2); mount_setattr(2), ID-mapped mounts; user_namespaces(7).
 */
import { TeuError } from "../../base/index.ts";
import { check, cString, errno, SystemCallFailed, syscall } from "../../sys/index.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  CLONE_NEWNS,
  CLONE_NEWUSER,
  MOUNT_ATTR_BYTES,
  MOUNT_ATTR_IDMAP,
  O_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../compile/constants.ts";
import { T1 } from "../compile/context.ts";
import { PlanBuilder } from "../plan/builder.ts";
import type { IDMap, TreeStep } from "../plan/host-step.ts";
import { listen } from "./dialogue.ts";
import { Helper } from "./helper.ts";
import { writeIDMaps } from "./id-maps.ts";

/** The source of a bind mount cannot be cloned, or its ids cannot be mapped. */
export class CannotCloneTree extends TeuError<"cannot-clone-tree", { field: string; path: string }> {
  constructor(context: { field: string; path: string }, cause: SystemCallFailed) {
    const isMap = cause.context.call.includes("IDMAP") && cause.context.errno === "EINVAL";
    super("cannot-clone-tree", cause.kind, context, `${context.field}: ${cause.message}`, {
      cause,
      ...(isMap && { hint: "Its file system, on this kernel, cannot map ids" }),
    });
  }
}

/** The tree that `step` asks for, for the container whose PID 1 is `pid`. The caller closes it. @throws {CannotCloneTree} */
export function openTree({ field, path, recursive, inside, idmap }: TreeStep, pid: number): number {
  let tree = -1;
  try {
    const flags = OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
    tree = inside
      ? openTreeInside(pid, path, flags)
      : check(syscall("open_tree", AT_FDCWD, cString(path), flags), "open_tree", path);
    if (idmap !== undefined) mapTree(tree, path, idmap);
    return tree;
  } catch (error) {
    if (tree >= 0) syscall("close", tree);
    throw error instanceof SystemCallFailed ? new CannotCloneTree({ field, path }, error) : error;
  }
}

/** In the mount namespace of `pid`, by a process of the host's user namespace: it may go where PID 1 may not. */
function openTreeInside(pid: number, path: string, flags: number): number {
  const plan = new PlanBuilder();
  const namespace = plan.slot({ kind: "file", path: `/proc/${pid}/ns/mnt`, flags: "read" });
  plan.call("setns", [namespace, CLONE_NEWNS]);
  plan.call("open_tree", [AT_FDCWD, plan.text(path), flags], { result: T1 });
  plan.sync("tree", { descriptors: [T1] });
  using helper = new Helper(plan.finish(), 0);
  const said = listen(helper.socket);
  if (said.kind === "fail") check(-said.errno, "open_tree", path);
  const [tree] = said.kind === "sync" ? said.descriptors : [];
  return check(tree ?? -errno.ESRCH, "open_tree", path);
}

function mapTree(tree: number, path: string, idmap: IDMap): void {
  const namespace = "namespace" in idmap ? openFile(idmap.namespace) : makeUserNamespace(idmap);
  try {
    const attr = BigUint64Array.of(BigInt(MOUNT_ATTR_IDMAP), 0n, 0n, BigInt(namespace));
    const flags = AT_EMPTY_PATH | (idmap.recursive ? AT_RECURSIVE : 0);
    const result = syscall("mount_setattr", tree, cString(""), flags, attr, MOUNT_ATTR_BYTES);
    check(result, "mount_setattr MOUNT_ATTR_IDMAP", path);
  } finally {
    syscall("close", namespace);
  }
}

/** A descriptor of a user namespace with these maps. The caller closes it. */
function makeUserNamespace({
  uidMappings,
  gidMappings,
}: Extract<IDMap, { readonly uidMappings: unknown }>): number {
  const plan = new PlanBuilder();
  plan.sync("id-maps");
  using helper = new Helper(plan.finish(), CLONE_NEWUSER);
  writeIDMaps(helper.pid, uidMappings, gidMappings, {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
  });
  return openFile(`/proc/${helper.pid}/ns/user`);
}

function openFile(path: string): number {
  return check(syscall("openat", AT_FDCWD, cString(path), O_CLOEXEC), "openat", path);
}
