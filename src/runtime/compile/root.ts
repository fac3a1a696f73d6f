/**
 * The root of the container: a clone of the rootfs on itself, into which everything is mounted, and to which the
 * process then changes for good. Source: runtime-spec config.md, Root; pivot_root(2).
 */
import type { PlanBuilder } from "../plan/builder.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  MNT_DETACH,
  MOUNT_ATTR_BYTES,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_MOVE,
  MS_PRIVATE,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
  RESOLVE_NO_SYMLINKS,
} from "./constants.ts";
import { type Circumstances, close, ROOT, T1 } from "./context.ts";
import { openHow } from "./destination.ts";
import { compileMask } from "./masks.ts";
import { attach, newFileSystem, setAttributes, takeTree } from "./mount-calls.ts";
import { parsePropagation } from "./mount-options.ts";

const CLAUSE = "config.md, Root";
const PROPAGATION_CLAUSE = "config-linux.md, Rootfs Mount Propagation";

/** What mounts of the container and of the host tell one another when nothing is said: the host's arrive, ours do not leave. */
const DEFAULT_PROPAGATION = "rslave";

/** From here on ROOT names the container's root, and no mount of ours reaches the host. */
export function compileRoot(
  plan: PlanBuilder,
  world: Pick<Circumstances, "rootfs" | "rootMount">,
  {
    propagation,
    masks,
    mountLabel,
    byParent = false,
  }: {
    propagation: string | undefined;
    masks: boolean;
    mountLabel?: string | undefined;
    /** Whether the parent opens it where init may not go: root of a user namespace has no way through folders that are shut to others. */
    byParent?: boolean;
  },
): void {
  compilePropagation(plan, world.rootMount, propagation);
  plan.section("root.path", CLAUSE);
  const how = openHow(plan, O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE_NO_SYMLINKS);
  const [denied, opened] = [plan.label(), plan.label()];
  plan.call("openat2", [AT_FDCWD, plan.text(world.rootfs), how, 24], {
    result: T1,
    ...(byParent && { on: { EACCES: denied } }),
  });
  plan.call("open_tree", [T1, plan.text(""), AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE], {
    result: ROOT,
  });
  if (byParent) {
    plan.place(opened);
    plan.addFuel(1);
    plan.later(() => {
      plan.place(denied);
      takeTree(plan, ROOT, { path: world.rootfs, recursive: true, inside: true }, T1);
      plan.goto(opened);
    });
  }
  if (masks) compileMask(plan, T1, mountLabel);
  plan.section("root.path", CLAUSE);
  attach(plan, ROOT, T1);
  close(plan, T1);
}

/** Without a mount namespace every mount would be the host's: the root is a directory and no more. */
export function compileUnmountedRoot(plan: PlanBuilder, rootfs: string): void {
  plan.section("root.path", CLAUSE);
  const how = openHow(plan, O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE_NO_SYMLINKS);
  plan.call("openat2", [AT_FDCWD, plan.text(rootfs), how, 24], { result: ROOT });
}

/** Of the host's tree as the container's mount namespace has it, before anything is mounted there. */
function compilePropagation(
  plan: PlanBuilder,
  rootMount: string | undefined,
  word: string | undefined,
): void {
  plan.section("linux.rootfsPropagation", PROPAGATION_CLAUSE);
  const { type, recursive } = propagationOf(word);
  // Of an unbindable tree no bind mount could be made: it becomes so in the end.
  setHostPropagation(plan, "/", type === MS_UNBINDABLE ? MS_PRIVATE : type, recursive);
  // The root is attached to this one, and moved or left afterwards: nobody else may be told. What it is, the root then is.
  if (rootMount !== undefined)
    setHostPropagation(plan, rootMount, type === MS_SLAVE ? MS_SLAVE : MS_PRIVATE, false);
}

/** `path` is a mount point of the host's. */
function setHostPropagation(plan: PlanBuilder, path: string, type: number, recursive: boolean): void {
  const attr = plan.shared("mount_attr", [0, 0, type], () =>
    plan.words([0, 0, type, 0], `{propagation=0x${type.toString(16)}}`),
  );
  plan.call("mount_setattr", [
    AT_FDCWD,
    plan.text(path),
    recursive ? AT_RECURSIVE : 0,
    attr,
    MOUNT_ATTR_BYTES,
  ]);
}

function propagationOf(word: string | undefined): { type: number; recursive: boolean } {
  const propagation = parsePropagation(word || DEFAULT_PROPAGATION);
  if (propagation === undefined) throw new RangeError(`No kind of propagation: ${word}`);
  return propagation;
}

/**
 * Whether what is taken off the host's tree in the container's mount namespace could be taken off on the host too: each
 * mount of it that is still shared tells, and a word that is not recursive leaves all but the topmost as they are.
 */
function tellsHost(word: string | undefined): boolean {
  const { type, recursive } = propagationOf(word);
  return type === MS_SHARED || !recursive;
}

/** Makes the root read-only: late, when nothing has to be made in it any more. */
export function compileReadonlyRoot(plan: PlanBuilder): void {
  plan.section("root.readonly", CLAUSE);
  setAttributes(plan, ROOT, { set: MOUNT_ATTR_RDONLY, clear: 0 }, false);
}

/** How the container leaves the host's tree. */
export type ChangeOfRoot = "pivot" | "move" | "chroot";

/**
 * Leaves the host's tree. With no-pivot (on an initramfs there is no other way) the host's mounts are only hidden, so
 * every procfs and sysfs that shows the host whole goes before. Without a mount namespace the root is changed, and that is all.
 */
export function compileChangeRoot(
  plan: PlanBuilder,
  how: ChangeOfRoot,
  options: {
    hostProcs: readonly string[];
    hostProcParents: readonly string[];
    propagation: string | undefined;
  },
): void {
  const { hostProcs, hostProcParents, propagation } = options;
  plan.section("root.path", CLAUSE);
  const here = plan.text(".");
  const tells = tellsHost(propagation);
  if (how === "pivot" && tells)
    plan.call("openat", [AT_FDCWD, plan.text("/"), O_PATH | O_DIRECTORY | O_CLOEXEC], { result: T1 });
  // What is taken off a mount is told to whom it shares with, and so is what covers it.
  if (how === "move" && tells)
    for (const path of hostProcParents) setHostPropagation(plan, path, MS_SLAVE, false);
  if (how === "move")
    for (const path of hostProcs) {
      if (tells) setHostPropagation(plan, path, MS_SLAVE, true);
      hideHostProc(plan, path);
    }
  plan.call("fchdir", [ROOT]);
  if (how === "pivot") {
    plan.call("pivot_root", [here, here]);
    if (tells) setAttributes(plan, T1, { set: 0, clear: 0, propagation: MS_SLAVE }, true);
    // The old root now lies on top of the new one at "/": take it off.
    plan.call("umount2", [here, MNT_DETACH]);
  } else {
    if (how === "move") plan.call("mount", [here, plan.text("/"), 0, MS_MOVE, 0]);
    plan.call("chroot", [here]);
  }
  plan.call("chdir", [plan.text("/")]);
  if (propagation === undefined || propagation === "" || how === "chroot") return;
  plan.section("linux.rootfsPropagation", PROPAGATION_CLAUSE);
  const { type, recursive } = propagationOf(propagation);
  setAttributes(plan, ROOT, { set: 0, clear: 0, propagation: type }, recursive);
}

/** Unmounted, or, where that is refused in a user namespace, covered. */
function hideHostProc(plan: PlanBuilder, path: string): void {
  const [cover, hidden] = [plan.label(), plan.label()];
  plan.call("umount2", [plan.text(path), MNT_DETACH], { on: { EINVAL: cover, EPERM: cover } });
  plan.place(hidden);
  plan.addFuel(1);
  plan.later(() => {
    plan.place(cover);
    newFileSystem(plan, "tmpfs", [["source", "tmpfs"]], MOUNT_ATTR_RDONLY, T1);
    plan.call("move_mount", [T1, plan.text(""), AT_FDCWD, plan.text(path), MOVE_MOUNT_F_EMPTY_PATH]);
    close(plan, T1);
    plan.goto(hidden);
  });
}
