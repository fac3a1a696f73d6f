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
  MS_MOVE,
  MS_PRIVATE,
  MS_SLAVE,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
  RESOLVE_NO_SYMLINKS,
} from "./constants.ts";
import { close, ROOT, T1 } from "./context.ts";
import { openHow } from "./destination.ts";
import { compileMask } from "./masks.ts";
import { attach, setAttributes } from "./mounts.ts";

const CLAUSE = "config.md, Root";

/** From here on ROOT names the container's root, and no mount of ours reaches the host. */
export function compileRoot(
  plan: PlanBuilder,
  rootfs: string,
  options: { propagation: string | undefined; masks: boolean },
): void {
  const { propagation, masks } = options;
  plan.section("linux.rootfsPropagation", "config-linux.md, Rootfs Mount Propagation");
  const type = propagation === "private" || propagation === "rprivate" ? MS_PRIVATE : MS_SLAVE;
  const attr = plan.words(
    [0, 0, type, 0],
    `{propagation=${type === MS_PRIVATE ? "MS_PRIVATE" : "MS_SLAVE"}}`,
  );
  plan.call("mount_setattr", [AT_FDCWD, plan.text("/"), AT_RECURSIVE, attr, MOUNT_ATTR_BYTES]);
  plan.section("root.path", CLAUSE);
  const how = openHow(plan, O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE_NO_SYMLINKS);
  plan.call("openat2", [AT_FDCWD, plan.text(rootfs), how, 24], { result: T1 });
  plan.call("open_tree", [T1, plan.text(""), AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE], {
    result: ROOT,
  });
  if (masks) compileMask(plan, T1);
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

/** Makes the root read-only: late, when nothing has to be made in it any more. */
export function compileReadonlyRoot(plan: PlanBuilder): void {
  plan.section("root.readonly", CLAUSE);
  setAttributes(plan, ROOT, { set: MOUNT_ATTR_RDONLY, clear: 0 }, false);
}

/** Leaves the host's tree. With no-pivot what the host has mounted is only hidden, as on an initramfs there is no other way. */
export function compileChangeRoot(plan: PlanBuilder, how: "pivot" | "move" | "chroot"): void {
  plan.section("root.path", CLAUSE);
  plan.call("fchdir", [ROOT]);
  const here = plan.text(".");
  if (how === "pivot") {
    plan.call("pivot_root", [here, here]);
    // The old root now lies on top of the new one at "/": take it off.
    plan.call("umount2", [here, MNT_DETACH]);
  } else {
    if (how === "move") plan.call("mount", [here, plan.text("/"), 0, MS_MOVE, 0]);
    plan.call("chroot", [here]);
  }
  plan.call("chdir", [plan.text("/")]);
}
