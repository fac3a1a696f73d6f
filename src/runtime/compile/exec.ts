/**
 * One more process in a running container, as a plan: join its cgroup and its namespaces, then become the program
 * with the same identity steps as PID 1. Source: runc exec; setns(2), pidfd_open(2).
 */
import type { Linux, Process } from "../../spec/index.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { REPORT, SYNC_DESCRIPTOR } from "../plan/plan.ts";
import type { CreatePlan } from "./compile.ts";
import { compileConsole, compileStreams } from "./console.ts";
import { AT_FDCWD, F_DUPFD_CLOEXEC, O_CLOEXEC, O_DIRECTORY, O_PATH } from "./constants.ts";
import { type Circumstances, DEV, ROOT } from "./context.ts";
import { openInRoot } from "./destination.ts";
import { compileIdentity, compileOomScore, compilePrivileges } from "./identity.ts";
import { compileKeyring } from "./keyring.ts";
import { compileLabels, labellingKeys, labelSlot } from "./labels.ts";
import { compileCgroupJoin, compileChildGuards, compileGuards } from "./namespaces.ts";
import {
  compileCloseDescriptors,
  compileEnvironment,
  compileExec,
  compileLookup,
  compilePreserved,
  compileReady,
} from "./program.ts";
import { compileFinalAffinity, compileScheduling } from "./scheduling.ts";
import { compileSeccompFilter } from "./seccomp.ts";
import { compileStageClone } from "./stage.ts";

/** What exec knows of the container. */
export interface ExecWorld
  extends Pick<
      Circumstances,
      | "seccomp"
      | "containerID"
      | "noNewKeyring"
      | "lastCapability"
      | "preserveFds"
      | "dieWithParent"
      | "isRootless"
      | "isInUserNamespace"
    >,
    Pick<Linux, "personality" | "memoryPolicy"> {
  readonly pid: number;
  /** Of process `pid`, to tell it from a later one. */
  readonly startTime: string;
  /** v1: files of the container's cgroups; v2: empty, the process is born there. */
  readonly joins: readonly string[];
  /** CLONE_NEW* of the namespaces that differ from the caller's. */
  readonly namespaces: number;
  readonly hasUserNamespace: boolean;
  /** Without one the container is confined by its root alone. */
  readonly hasMountNamespace: boolean;
}

/** Compiles the exec of a validated `process`. */
export function compileExecProcess(process: Process, world: ExecWorld): CreatePlan {
  const plan = new PlanBuilder();
  const preserved: number[] = [];
  for (let index = 0; index < world.preserveFds; index++)
    preserved.push(plan.slot({ kind: "inherited", descriptor: 3 + index }));
  const procfs = labelSlot(plan, process);
  compileCgroupJoin(plan, world.joins);
  compileFinalAffinity(plan, process.execCPUAffinity ?? {});
  compileOomScore(plan, process.oomScoreAdj, world);
  compileEntry(plan, world);
  if (!world.noNewKeyring)
    labellingKeys(plan, procfs, process, () => compileKeyring(plan, world.containerID, undefined));
  if (process.terminal) {
    openInRoot(plan, ROOT, "dev", { into: DEV, flags: O_PATH | O_DIRECTORY });
    compileConsole(plan, { size: process.consoleSize, uid: process.user.uid, ptmx: "exec" });
    compileStreams(plan);
  }
  compileScheduling(plan, process, world);
  compileLabels(plan, procfs, process);
  compileReady(plan, process, ["ready", "runc exec"], () => {
    const { initial, final } = process.execCPUAffinity ?? {};
    if (!initial && !final) plan.host({ kind: "affinity" });
  });
  compileCloseDescriptors(plan);
  compilePrivileges(plan, process, world.seccomp);
  compileIdentity(plan, process, {
    ...world,
    inUserNamespace: world.hasUserNamespace || world.isInUserNamespace,
  });
  compileLookup(plan, process);
  const late = process.noNewPrivileges ? world.seccomp : undefined;
  if (late?.listener !== undefined) compileSeccompFilter(plan, late);
  compileReportAside(plan, preserved.length);
  compilePreserved(plan, preserved);
  if (late !== undefined && late.listener === undefined) compileSeccompFilter(plan, late);
  compileExec(plan, process, compileEnvironment(plan, process));
  return { ...plan.finish(), cloneFlags: 0, isStaged: true };
}

/** The socket stands where the second inherited descriptor has to go, and is needed until execve has succeeded. */
function compileReportAside(plan: PlanBuilder, inherited: number): void {
  if (inherited < 2) return;
  plan.section("--preserve-fds", "runc exec");
  plan.call("fcntl", [SYNC_DESCRIPTOR, F_DUPFD_CLOEXEC, plan.firstOwnDescriptor], { result: REPORT });
}

/** Into the namespaces, all at once, and there a child, for which a PID namespace is. ROOT becomes the container's root. */
function compileEntry(plan: PlanBuilder, world: ExecWorld): void {
  const { pid, startTime, dieWithParent, namespaces, hasUserNamespace, hasMountNamespace } = world;
  // Before the process is looked at once more: if it is then still that one, the root was its.
  const root = hasMountNamespace ? -1 : plan.slot({ kind: "file", path: `/proc/${pid}/root`, flags: "path" });
  const target = plan.slot({ kind: "pidfd", pid, startTime });
  // Before it is inside: the container must not trace it or look at its descriptors (2016-9962).
  compileGuards(plan, { dieWithParent, dumpable: false });
  plan.section("linux.namespaces", "runc exec");
  // The caller's groups mean nothing inside, where it may be forbidden to drop them.
  if (hasUserNamespace) plan.call("setgroups", [0, 0], { on: { EPERM: "next" } });
  if (namespaces !== 0) plan.call("setns", [target, namespaces]);
  compileStageClone(plan, 0);
  if (hasUserNamespace) {
    plan.call("setresgid", [0, 0, 0]);
    plan.call("setresuid", [0, 0, 0]);
  }
  compileChildGuards(plan, { dieWithParent, dumpable: false });
  plan.call("setsid", []);
  // Joining the mount namespace made its root ours.
  if (!hasMountNamespace) {
    plan.call("fchdir", [root]);
    plan.call("chroot", [plan.text(".")]);
  }
  plan.call("openat", [AT_FDCWD, plan.text("/"), O_PATH | O_DIRECTORY | O_CLOEXEC], { result: ROOT });
}
