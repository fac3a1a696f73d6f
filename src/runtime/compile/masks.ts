/**
 * Paths that the container must not read, or not write. Resolved below the root's descriptor; what is put over them
 * comes from the host's own /dev/null, opened before anything of the container is there (2025-31133).
 * Source: runtime-spec config-linux.md, Masked Paths, Readonly Paths, Sysctl.
 */
import { byteLength } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import type { Register } from "../plan/plan.ts";
import { sysctlPath } from "../validate-sysctl.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  O_WRONLY,
  OPEN_TREE_CLONE,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from "./constants.ts";
import { close, HOST_NULL, MASK, ROOT, T1, T2 } from "./context.ts";
import { openHow, openInRoot } from "./destination.ts";
import { labelData } from "./labels.ts";
import { attach, newFileSystem, setAttributes } from "./mount-calls.ts";

/** The empty read-only tmpfs that covers directories, once, below the root where nothing ever sees it: clones need it attached. */
export function compileMask(plan: PlanBuilder, below: Register, mountLabel?: string): void {
  plan.section("linux.maskedPaths", "config-linux.md, Masked Paths");
  plan.call("openat", [AT_FDCWD, plan.text("/dev/null"), O_PATH | O_CLOEXEC], { result: HOST_NULL });
  const limits = [
    ["source", "tmpfs"],
    ["nr_blocks", "1"],
    ["nr_inodes", "1"],
  ] as const;
  newFileSystem(plan, "tmpfs", labelData("tmpfs", mountLabel, limits), MOUNT_ATTR_RDONLY, MASK);
  attach(plan, MASK, below);
}

/**
 * The host's inode is shown, whose owner, mode and times root of the container could else change for everybody; what is read from
 * and written to a device asks nobody whether its mount may be written.
 */
const NULL_ATTRIBUTES = { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, clear: 0 };

/** A directory is covered by the empty tmpfs that all share, anything else by the null device; each once. */
export function compileMaskedPaths(plan: PlanBuilder, paths: readonly string[]): void {
  const empty = plan.text("");
  const flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC;
  paths.forEach((path, index) => {
    if (paths.indexOf(path) < index) return;
    plan.section(`linux.maskedPaths[${index}] ${path}`, "config-linux.md, Masked Paths");
    const [done, file, cover] = [plan.label(), plan.label(), plan.label()];
    // Asked for before: to try which of the two can be attached would throw a mount away, for which the kernel waits half a millisecond.
    openInRoot(plan, ROOT, path, {
      into: T1,
      flags: O_PATH | O_DIRECTORY,
      on: { ENOENT: done, EACCES: done, ENOTDIR: file },
    });
    plan.call("open_tree", [MASK, empty, flags], { result: T2 });
    plan.place(cover);
    attach(plan, T2, T1);
    close(plan, T2);
    close(plan, T1);
    plan.place(done);
    plan.addFuel(1);
    plan.later(() => {
      plan.place(file);
      openInRoot(plan, ROOT, path, { into: T1, on: { ENOENT: done, EACCES: done } });
      plan.call("open_tree", [HOST_NULL, empty, flags], { result: T2 });
      setAttributes(plan, T2, NULL_ATTRIBUTES, false);
      plan.goto(cover);
    });
  });
}

/** Bound onto themselves, read-only with all below; each once. */
export function compileReadonlyPaths(plan: PlanBuilder, paths: readonly string[]): void {
  paths.forEach((path, index) => {
    if (paths.indexOf(path) < index) return;
    plan.section(`linux.readonlyPaths[${index}] ${path}`, "config-linux.md, Readonly Paths");
    const done = plan.label();
    openInRoot(plan, ROOT, path, { into: T1, on: { ENOENT: done } });
    plan.call("open_tree", [T1, plan.text(""), AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE], {
      result: T2,
    });
    setAttributes(plan, T2, { set: MOUNT_ATTR_RDONLY, clear: 0 }, true);
    attach(plan, T2, T1);
    close(plan, T2);
    close(plan, T1);
    plan.place(done);
  });
}

/** Written through a procfs of our own that is attached nowhere, so that nothing can redirect the write (2025-52881). */
export function compileSysctls(plan: PlanBuilder, sysctls: Readonly<Record<string, string>>): void {
  const entries = Object.entries(sysctls);
  if (entries.length === 0) return;
  plan.section("linux.sysctl", "config-linux.md, Sysctl");
  newFileSystem(plan, "proc", [], 0, T1);
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  const how = openHow(plan, O_WRONLY | O_CLOEXEC, resolve);
  for (const [name, value] of entries) {
    plan.section(`linux.sysctl["${name}"]`, "config-linux.md, Sysctl");
    plan.call("openat2", [T1, plan.text(`sys/${sysctlPath(name)}`), how, 24], { result: T2 });
    plan.call("write", [T2, plan.text(value), byteLength(value)]);
    close(plan, T2);
  }
  close(plan, T1);
}
