/**
 * The way to a criu that restores a container, as a plan: into the container's cgroups and into a mount namespace of
 * criu's own, where the root file system is mounted on itself, as criu wants it, and gone with criu whatever happens. Places
 * for mounts that are missing in the root file system are made as create makes them.
 * Source: runc restore; criu.org, RPC.
 */
import type { Mount, RuntimeConfig } from "../../spec/index.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { DataRef } from "../plan/plan.ts";
import { compileBind, isBindMount } from "./bind.ts";
import type { CreatePlan } from "./compile.ts";
import {
  AF_UNIX,
  AT_FDCWD,
  CLONE_NEWNS,
  F_SETFD,
  MNT_DETACH,
  O_CLOEXEC,
  O_DIRECTORY,
  SOCK_CLOEXEC,
  SOCK_SEQPACKET,
} from "./constants.ts";
import { type Circumstances, close, ROOT, T1, T2 } from "./context.ts";
import { componentsOf, isProcOrSys, openDestination } from "./destination.ts";
import { compileKeyring } from "./keyring.ts";
import { parseMountOptions } from "./mount-options.ts";
import { compileCgroupJoin } from "./namespaces.ts";
import { compileCloseDescriptors } from "./program.ts";
import { compileRoot } from "./root.ts";

/** How criu is started. */
export interface RestoringCriu {
  /** Absolute, as the directories that it works with. */
  readonly program: string;
  readonly environment: readonly string[];
  readonly imagePath: string;
  readonly workPath: string;
  /** What it inherits; stays the caller's. */
  readonly inherited: readonly number[];
}

/** A plan, and where criu finds what it is given. */
export interface RestorePlan {
  readonly plan: CreatePlan;
  /** criu's numbers of its directories and of `inherited`, in order. */
  readonly images: number;
  readonly work: number;
  readonly inherited: readonly number[];
}

/**
 * The last SYNC carries the caller's end of criu's socket: criu asks the kernel who made the socket, and takes descriptors of
 * directories to be that process's, so it has to be itself, in its own mount namespace.
 * @param mounts  All of the container's, those that stand in for others included.
 */
export function compileRestore(
  document: RuntimeConfig,
  mounts: readonly Mount[],
  world: Circumstances,
  criu: RestoringCriu,
): RestorePlan {
  const plan = new PlanBuilder();
  const reserve = (): number => plan.slot({ kind: "file", path: "/dev/null", flags: "path" });
  const [socket, images, work] = [reserve(), reserve(), reserve()];
  const inherited = criu.inherited.map((descriptor) => plan.slot({ kind: "inherited", descriptor }));
  const { linux = {} } = document;
  const inUserNamespace = (linux.namespaces ?? []).some(({ type }) => type === "user");
  compileCgroupJoin(plan, world.cgroup.joins);
  compileKeyring(plan, world.containerID, { inUserNamespace });
  const noMasks = { propagation: undefined, masks: false };
  compileRoot(plan, world, noMasks);
  compilePlaces(plan, mounts, { world, linux, inUserNamespace: false });
  plan.section("root.path", "config.md, Root");
  // What was mounted to make places in it goes; criu mounts everything itself.
  plan.call("umount2", [plan.text(world.rootfs), MNT_DETACH]);
  close(plan, ROOT);
  compileRoot(plan, world, noMasks);
  plan.section("criu", "runc restore");
  for (const [path, number] of [
    [criu.imagePath, images],
    [criu.workPath, work],
  ] as const) {
    plan.call("openat", [AT_FDCWD, plan.text(path), O_DIRECTORY | O_CLOEXEC], { result: T1 });
    plan.call("dup3", [T1, number, 0]);
  }
  const pair = plan.reserve(8, "a pair of sockets");
  plan.call("socketpair", [AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair]);
  plan.load(T1, pair, 4);
  plan.load(T2, new DataRef(pair.offset + 4), 4);
  plan.call("dup3", [T1, socket, 0]);
  plan.sync("ready", { descriptors: [T2] });
  plan.host({ kind: "state" });
  compileCloseDescriptors(plan);
  for (const number of [socket, images, work, ...inherited]) plan.call("fcntl", [number, F_SETFD, 0]);
  plan.call("execve", [
    plan.text(criu.program),
    plan.strings(["criu", "swrk", String(socket)], "criu swrk"),
    plan.strings(criu.environment, `${criu.environment.length} variables`),
  ]);
  return { plan: { ...plan.finish(), cloneFlags: CLONE_NEWNS, isStaged: false }, images, work, inherited };
}

/** What is below a mount that is no bind comes back with that mount's own contents, or is the kernel's. */
function compilePlaces(
  plan: PlanBuilder,
  mounts: readonly Mount[],
  context: Parameters<typeof compileBind>[3],
): void {
  const covered: string[][] = [];
  mounts.forEach((mount, index) => {
    const options = parseMountOptions(mount.options ?? []);
    const names = componentsOf(mount.destination);
    const isBelow = covered.some(
      (above) => above.length < names.length && above.every((name, at) => name === names[at]),
    );
    if (options.remount || isBelow) return;
    plan.section(`mounts[${index}] ${mount.destination}`, "config.md, Mounts");
    if (isBindMount(mount, options)) {
      // Others may have their places in it.
      compileBind(plan, mount, options, context);
      return;
    }
    covered.push(names);
    openDestination(plan, mount.destination, "directory", T1, { strict: isProcOrSys(mount.destination) });
    close(plan, T1);
  });
}
