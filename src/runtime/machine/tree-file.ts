/**
 * Trees of the host's for bind mounts, as detached clones, with their ids mapped where that is asked for. The mapping is
 * that of a user namespace, which a process has to make and to which somebody has to write: init makes it, and is killed
 * as soon as the namespace is held by a descriptor.
 * Source: open_tree(2); mount_setattr(2), ID-mapped mounts; user_namespaces(7).
 */
import { TeuError } from "../../base/index.ts";
import { check, cString, reap, SystemCallFailed, syscall } from "../../sys/index.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  CLONE_NEWUSER,
  MOUNT_ATTR_BYTES,
  MOUNT_ATTR_IDMAP,
  O_CLOEXEC,
  OPEN_TREE_CLONE,
  SIGKILL,
} from "../compile/constants.ts";
import { PlanBuilder } from "../plan/builder.ts";
import type { IDMap, Slot } from "../plan/plan.ts";
import { writeIDMaps } from "./id-maps.ts";
import type { launch } from "./launch.ts";

type TreeSlot = Extract<Slot, { kind: "tree" }>;

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

/** A detached clone of a tree. The caller closes it. @throws {CannotCloneTree} */
export function openTree({ field, path, recursive, idmap }: TreeSlot, start: typeof launch): number {
  let tree = -1;
  try {
    const flags = OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
    tree = check(syscall("open_tree", AT_FDCWD, cString(path), flags), "open_tree", path);
    if (idmap !== undefined) mapTree(tree, path, idmap, start);
    return tree;
  } catch (error) {
    if (tree >= 0) syscall("close", tree);
    throw error instanceof SystemCallFailed ? new CannotCloneTree({ field, path }, error) : error;
  }
}

function mapTree(tree: number, path: string, idmap: IDMap, start: typeof launch): void {
  const namespace = openUserNamespace(idmap, start);
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
function openUserNamespace({ uidMappings, gidMappings }: IDMap, start: typeof launch): number {
  const plan = new PlanBuilder();
  plan.sync("id-maps");
  const stdio = [0, 1, 2] as const;
  const { pid, pidfd, socket } = start(plan.finish(), { stdio, cloneFlags: CLONE_NEWUSER });
  try {
    writeIDMaps(pid, uidMappings, gidMappings, {
      uid: process.geteuid?.() ?? 0,
      gid: process.getegid?.() ?? 0,
    });
    const path = `/proc/${pid}/ns/user`;
    return check(syscall("openat", AT_FDCWD, cString(path), O_CLOEXEC), "openat", path);
  } finally {
    syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
    reap(pid, { wait: true });
    syscall("close", pidfd);
    syscall("close", socket);
  }
}
