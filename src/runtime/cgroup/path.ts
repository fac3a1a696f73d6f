/**
 * Where a container's cgroups are. As runc has it: an absolute `cgroupsPath` starts at the mount points; a relative
 * one, and the default `<container ID>`, start at the caller's own cgroup on v1 and at its parent on v2, since a
 * v2 cgroup with processes cannot give its children controllers.
 * Source: config-linux.md, cgroups path.
 */
import type { CgroupLayout, Hierarchy } from "./layout.ts";

/** The container's directory in each hierarchy, keyed by controller, `""` for the unified one. Kept in state.json. */
export type CgroupPaths = Readonly<Record<string, string>>;

/** The container's one directory, where v2 is alone; undefined on a host with v1 hierarchies. */
export function unifiedPath(paths: CgroupPaths): string | undefined {
  return Object.keys(paths).length === 1 ? paths[""] : undefined;
}

/** The container's directory of a controller: that of its v1 hierarchy or, where v1 has none, of the unified one, with v2's files. */
export function controllerPath(
  paths: CgroupPaths,
  controller: string,
): { readonly version: 1 | 2; readonly path: string } | undefined {
  const [v1, unified] = [paths[controller], paths[""]];
  if (v1 !== undefined) return { version: 1, path: v1 };
  return unified === undefined ? undefined : { version: 2, path: unified };
}

/** The container's directory in each hierarchy of `layout`, in that order. */
export function cgroupPaths(
  layout: CgroupLayout,
  cgroupsPath: string | undefined,
  containerID: string,
): CgroupPaths {
  const paths: Record<string, string> = {};
  for (const hierarchy of layout.v1) {
    const path = cgroupDirectory(hierarchy, layout, cgroupsPath, containerID);
    for (const controller of hierarchy.controllers) paths[controller] = path;
  }
  if (layout.unified !== undefined)
    paths[""] = cgroupDirectory(layout.unified, layout, cgroupsPath, containerID);
  return paths;
}

/** The directory below one hierarchy's mount point, without a slash at its end. */
function cgroupDirectory(
  hierarchy: Hierarchy,
  layout: CgroupLayout,
  cgroupsPath: string | undefined,
  containerID: string,
): string {
  const inner = cgroupsPath || containerID;
  if (inner.startsWith("/")) return `${hierarchy.mountPoint}${cleanPath(inner)}`;
  const isPureV2 = layout.v1.length === 0;
  const base = isPureV2 ? parentOf(hierarchy.own) : hierarchy.own;
  return `${hierarchy.mountPoint}${cleanPath(`${cleanPath(base)}${cleanPath(inner)}`)}`;
}

/** Absolute, without `.`, empty parts and `..`, which stops at the top: the path cannot leave its hierarchy. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.length === 0 ? "" : `/${parts.join("/")}`;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
