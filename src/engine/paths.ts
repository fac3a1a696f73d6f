/** Where the engine keeps what it knows: TEU_ROOT survives a reboot, TEU_RUN need not. */
import { type HostPath, normalizePath, runRoot, stateRoot } from "../base/index.ts";

/** Every place of one store. Two stores share nothing. */
export interface EnginePaths {
  /** Records, content and snapshots. */
  readonly root: HostPath;
  /** Bundles, mounts and the runtime's state. */
  readonly run: HostPath;
  readonly database: HostPath;
  readonly content: HostPath;
  readonly snapshots: HostPath;
  /** What is kept of containers beside their records: config, log, how they ended. */
  readonly containers: HostPath;
  /** What volumes hold. */
  readonly volumes: HostPath;
  readonly bundles: HostPath;
  readonly runtimeState: HostPath;
}

/** The places that `TEU_ROOT` and `TEU_RUN` choose. */
export function enginePaths(environment: Readonly<Record<string, string | undefined>>): EnginePaths {
  const root = stateRoot(environment);
  const run = runRoot(environment);
  const at = (...parts: [string, ...string[]]) => normalizePath(parts.join("/")) as HostPath;
  return {
    root: at(root),
    run: at(run),
    database: at(root, "teu.db"),
    content: at(root, "content"),
    snapshots: at(root, "snapshots"),
    containers: at(root, "containers"),
    volumes: at(root, "volumes"),
    bundles: at(run, "containers"),
    runtimeState: at(run, "runtime"),
  };
}

/** Where the monitors are, below each hierarchy, beside the containers. */
export const MONITORS_CGROUP = "/teu/monitors";

/** Where the cgroups of container `id` are, below each hierarchy. @param parent  Absolute or not: from the top. */
export function cgroupsPath(id: string, parent = "/teu"): string {
  return normalizePath(`/${parent}/${id}`);
}
