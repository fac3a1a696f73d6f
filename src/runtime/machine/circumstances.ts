/** Looks up what compile has to know: the only place where the way to a plan reads the machine. */
import { resolvePath, TeuError } from "../../base/index.ts";
import type { Linux, Mount, RuntimeConfig } from "../../spec/index.ts";
import { existsSync, isInUserNamespace, readTextSync, realpathSync, statSync } from "../../sys/index.ts";
import type { CgroupLayout } from "../cgroup/layout.ts";
import type { CgroupPlan } from "../cgroup/plan.ts";
import { bindSource } from "../compile/bind.ts";
import type { CgroupMount, Circumstances, SourceKind } from "../compile/context.ts";
import { parseMountOptions } from "../compile/mount-options.ts";
import { InvalidConfig } from "../validate.ts";
import { validateSysctl } from "../validate-sysctl.ts";
import { compileFilter } from "./filter.ts";
import { hostProcs, mountOf, parentsOf } from "./host-mounts.ts";
import { lastCapability } from "./last-capability.ts";
import { isOwnNamespace } from "./namespace-file.ts";
import { isRootless } from "./rights.ts";

/** The rootfs of a bundle is not a directory that can be used. */
export class InvalidRootfs extends TeuError<"invalid-rootfs", { path: string }> {
  constructor(context: { path: string }, cause: unknown) {
    super(
      "invalid-rootfs",
      "invalid",
      context,
      `root.path: invalid rootfs: ${JSON.stringify(context.path)} is not a directory`,
      { cause },
    );
  }
}

/** A bind mount's source is not there. The sentence is runc's. */
export class MissingSource extends TeuError<"missing-source", { field: string; path: string }> {
  constructor(context: { field: string; path: string }, cause: unknown) {
    super(
      "missing-source",
      "not-found",
      context,
      `${context.field}.source: stat ${context.path}: no such file or directory`,
      { cause },
    );
  }
}

/** What the caller chose, beside config.json. */
export interface Choices {
  readonly containerID: string;
  readonly bundle: string;
  readonly stateDirectory: string;
  readonly noPivot: boolean;
  readonly noNewKeyring: boolean;
  readonly preserveFds: number;
  readonly nullStreams: readonly number[];
  readonly dieWithParent: boolean;
  /** See `ConfigDocument`. */
  readonly program?: Uint8Array | undefined;
}

/** The circumstances of one create. @throws {InvalidRootfs} {MissingSource} */
export function lookUp(
  config: RuntimeConfig,
  choices: Choices,
  layout: CgroupLayout,
  cgroup: CgroupPlan,
): Circumstances {
  const { linux = {}, mounts = [] } = config;
  refuseHostSysctls(linux);
  const hierarchies = layout.v1.length > 0 ? layout.v1 : layout.unified === undefined ? [] : [layout.unified];
  const rootfs = rootfsOf(config, choices.bundle);
  const mountinfo =
    linux.rootfsPropagation || choices.noPivot ? readTextSync("/proc/self/mountinfo") : undefined;
  const procs = choices.noPivot && mountinfo !== undefined ? hostProcs(rootfs, mountinfo) : [];
  return {
    ...choices,
    rootfs,
    ...(linux.rootfsPropagation && mountinfo !== undefined && { rootMount: mountOf(rootfs, mountinfo) }),
    hostProcs: procs,
    hostProcParents: mountinfo === undefined ? [] : parentsOf(procs, mountinfo),
    sources: sourcesOf(mounts, choices.bundle, rootfs),
    cgroup: {
      version: layout.v1.length > 0 ? 1 : 2,
      joins: cgroup.join.files,
      isOwn: cgroup.directories.length > 0,
      mounts: hierarchies.map(
        ({ controllers, mountPoint, own }): CgroupMount => ({
          controllers,
          name: mountPoint.slice(mountPoint.lastIndexOf("/") + 1),
          path: cgroup.paths[controllers[0] ?? ""] ?? `${mountPoint}${own}`,
        }),
      ),
    },
    cgroupNamespace: (linux.namespaces ?? []).some(({ type }) => type === "cgroup"),
    ...(linux.seccomp && { seccomp: compileFilter(linux.seccomp, choices.program) }),
    lastCapability: lastCapability(),
    isRootless: isRootless(),
    isInUserNamespace: isInUserNamespace(),
    hasKcore: existsSync("/proc/kcore"),
  };
}

/** A namespace that is joined may be the host's: what is not allowed there is not allowed by that way either. */
function refuseHostSysctls(linux: Linux): void {
  if (Object.keys(linux.sysctl ?? {}).length === 0) return;
  const namespaces = (linux.namespaces ?? []).filter(
    ({ type, path }) => !path || !existsSync(path) || !isOwnNamespace(path, type),
  );
  const issues = validateSysctl({ ...linux, namespaces });
  if (issues.length > 0) throw new InvalidConfig({ issues });
}

function rootfsOf(config: RuntimeConfig, bundle: string): string {
  const path = resolvePath(bundle, config.root?.path ?? "rootfs");
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory) return real;
    throw new InvalidRootfs({ path }, undefined);
  } catch (error) {
    if (error instanceof InvalidRootfs) throw error;
    throw new InvalidRootfs({ path }, error);
  }
}

function sourcesOf(mounts: readonly Mount[], bundle: string, rootfs: string): Map<string, SourceKind> {
  const sources = new Map<string, SourceKind>();
  mounts.forEach((mount, index) => {
    if (mount.type !== "bind" && parseMountOptions(mount.options ?? []).bind === "no") return;
    const path = bindSource(mount, bundle);
    if (path.startsWith(`${rootfs}/`)) {
      sources.set(path, "inside");
      return;
    }
    try {
      sources.set(path, statSync(path).isDirectory ? "directory" : "file");
    } catch (error) {
      throw new MissingSource({ field: `mounts[${index}]`, path }, error);
    }
  });
  return sources;
}
