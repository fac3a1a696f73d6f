/**
 * The mounts of a container that come from the host: CRIU does not save what is in them, and has to be told of each by
 * a name, in the dump with its place, in the restore with its source. The name is the destination as config.json has it:
 * where links lead in the root file system may have changed meanwhile.
 * Source: criu.org, External bind mounts; runc checkpoint.
 */
import { resolvePath } from "../../base/index.ts";
import type { Mount, RuntimeConfig } from "../../spec/index.ts";
import { closeSync, fstatSync, openSync } from "../../sys/index.ts";
import type { CgroupLayout } from "../cgroup/layout.ts";
import type { CgroupPaths } from "../cgroup/path.ts";
import { bindSource, isBindMount } from "../compile/bind.ts";
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from "../compile/constants.ts";
import { DEFAULT_DEVICES } from "../compile/devices.ts";
import { parseMountOptions } from "../compile/mount-options.ts";
import { bindUnowned } from "../compile/unowned.ts";
import { openInRootSync, resolveDangling } from "../machine/in-root.ts";
import { CriuLacks } from "./errors.ts";
import type { ExternalMount } from "./messages.ts";

/** One mount of the host's in a container. */
interface FromHost {
  /** Absolute, links not followed: the name, too. */
  readonly destination: string;
  /** Of the host's. */
  readonly source: string;
}

/** What the machine says of the container's cgroups. */
export interface CgroupsOnHost {
  readonly layout: CgroupLayout;
  readonly paths: CgroupPaths;
}

/** CRIU's option for the dump of a container whose first process is `pid`. @throws {CriuLacks} */
export function mountsToDump(
  config: RuntimeConfig,
  bundle: string,
  cgroups: CgroupsOnHost,
  pid: number,
): ExternalMount[] {
  refuseIDMapped(config);
  const root = openSync(`/proc/${pid}/root`, O_PATH | O_DIRECTORY | O_CLOEXEC);
  try {
    const place = (path: string): string => `/${resolveDangling(root, path)}`;
    return [
      ...fromHost(config, bundle, cgroups).map(({ destination }) => ({
        key: place(destination),
        val: destination,
      })),
      ...(config.linux?.maskedPaths ?? [])
        .filter((path) => isCoveredByNull(root, path))
        .map((path) => ({ key: place(path), val: "/dev/null" })),
    ];
  } finally {
    closeSync(root);
  }
}

/** CRIU's option for the restore. */
export function mountsToRestore(
  config: RuntimeConfig,
  bundle: string,
  cgroups: CgroupsOnHost,
): ExternalMount[] {
  const masks = (config.linux?.maskedPaths ?? []).length > 0 ? [{ key: "/dev/null", val: "/dev/null" }] : [];
  return [
    ...fromHost(config, bundle, cgroups).map(({ destination, source }) => ({
      key: destination,
      val: source,
    })),
    ...masks,
  ];
}

/** All mounts of config.json, those that the host's file systems stand in for as binds of them. */
export function mountsOf({ mounts = [], linux = {} }: RuntimeConfig): readonly Mount[] {
  return bindUnowned(mounts, linux.namespaces ?? []);
}

function fromHost(config: RuntimeConfig, bundle: string, cgroups: CgroupsOnHost): FromHost[] {
  const { namespaces = [], devices = [] } = config.linux ?? {};
  const has = (type: string): boolean => namespaces.some((namespace) => namespace.type === type);
  const all = mountsOf(config).flatMap((mount): FromHost[] => {
    const { destination } = mount;
    if (parseMountOptions(mount.options ?? []).remount) return [];
    if (isBindMount(mount)) return [{ destination, source: bindSource(mount, bundle) }];
    if (mount.type !== "cgroup" && mount.type !== "cgroup2") return [];
    // In a namespace of its own the container has a cgroup file system of its own.
    return has("cgroup") ? [] : boundCgroups(destination, cgroups);
  });
  // In a user namespace no device can be made: each is bound.
  const nodes = has("user") ? [...DEFAULT_DEVICES, ...devices] : [];
  return [
    ...all.map(({ destination, source }) => ({ destination: resolvePath("/", destination), source })),
    ...nodes.map(({ path }) => ({ destination: resolvePath("/", path), source: path })),
  ];
}

/** v1 has a directory for each hierarchy, v2 is one. */
function boundCgroups(destination: string, { layout, paths }: CgroupsOnHost): FromHost[] {
  const { v1, unified } = layout;
  if (v1.length === 0)
    return unified === undefined
      ? []
      : [{ destination, source: paths[""] ?? `${unified.mountPoint}${unified.own}` }];
  return v1.map(({ controllers, mountPoint, own }) => ({
    destination: `${destination}/${mountPoint.slice(mountPoint.lastIndexOf("/") + 1)}`,
    source: paths[controllers[0] ?? ""] ?? `${mountPoint}${own}`,
  }));
}

/** A directory is covered by an empty file system of the container's own; what is not there by nothing. */
function isCoveredByNull(root: number, path: string): boolean {
  const found = openInRootSync(root, path, "path");
  if (found === undefined) return false;
  try {
    return !fstatSync(found).isDirectory;
  } finally {
    closeSync(found);
  }
}

/** CRIU would bind their sources again with ids as they are on the host. */
function refuseIDMapped({ mounts = [] }: RuntimeConfig): void {
  mounts.forEach((mount, index) => {
    if (mount.uidMappings === undefined && parseMountOptions(mount.options ?? []).idmap === "no") return;
    throw new CriuLacks({
      what: `mounts[${index}] ${mount.destination}`,
      why: "CRIU cannot restore the mapped ids of a mount",
    });
  });
}
