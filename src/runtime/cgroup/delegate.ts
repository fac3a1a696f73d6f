/**
 * Giving a container its cgroup: on v2, where it has a user and a cgroup namespace of its own and may write the cgroup file
 * system, the user of its process becomes the owner of what the kernel says can be delegated: the directory and a few
 * files, none of which holds a limit.
 * Source: config-linux.md, cgroup ownership; cgroup-v2.rst, delegation.
 */

import type { RuntimeConfig } from "../../spec/index.ts";
import { check, cString, errno, syscall } from "../../sys/index.ts";
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../compile/constants.ts";
import { readCgroupFileIfAny } from "./file.ts";
import { type CgroupPaths, cleanPath, unifiedPath } from "./path.ts";

/** The host's id of the user who shall own the container's cgroup; undefined: it stays the runtime's. */
export function cgroupOwner({ linux, mounts = [], process }: RuntimeConfig): number | undefined {
  const isNew = (wanted: string): boolean =>
    linux?.namespaces?.some(({ type, path }) => type === wanted && !path) ?? false;
  if (!isNew("cgroup") || !isNew("user")) return undefined;
  const isWritable = mounts.some(
    ({ type, destination, options = [] }) =>
      (type === "cgroup" || type === "cgroup2") &&
      cleanPath(destination) === "/sys/fs/cgroup" &&
      options.findLast((option) => option === "ro" || option === "rw") !== "ro",
  );
  if (!isWritable) return undefined;
  const uid = process?.user.uid ?? 0;
  const map = linux?.uidMappings?.find(
    ({ containerID, size }) => uid >= containerID && uid < containerID + size,
  );
  return map === undefined ? undefined : map.hostID + uid - map.containerID;
}

/** What kernels before 4.15 would list. */
const FILES = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";

/** Makes `owner` the owner of the container's cgroup, on v2 alone. @param list  Where the kernel lists the files. */
export function delegateCgroup(
  paths: CgroupPaths,
  owner: number | undefined,
  list = "/sys/kernel/cgroup/delegate",
): void {
  const directory = unifiedPath(paths);
  if (directory === undefined || owner === undefined) return;
  const KEEP = -1;
  check(syscall("fchownat", AT_FDCWD, cString(directory), owner, KEEP, 0), "chown", directory);
  for (const name of (readCgroupFileIfAny(list) ?? FILES).split("\n")) {
    const path = `${directory}/${name}`;
    const result = syscall("fchownat", AT_FDCWD, cString(path), owner, KEEP, AT_SYMLINK_NOFOLLOW);
    // The list is of all controllers, also those that this cgroup does not have.
    if (result !== -errno.ENOENT) check(result, "chown", path);
  }
}
