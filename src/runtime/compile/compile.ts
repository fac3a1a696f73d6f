/**
 * config.json → plan: the whole way from clone to exec as one ordered list. Pure: the same document in the same
 * circumstances gives the same plan, without root and without looking at the machine.
 * Source: runtime-spec config.md, config-linux.md; runtime.md, Lifecycle.
 */
import type { Process, RuntimeConfig } from "../../spec/index.ts";
import { ociState } from "../oci-state.ts";
import { PlanBuilder } from "../plan/builder.ts";
import type { DataRef, Plan } from "../plan/plan.ts";
import { compileConsole, compileStreams } from "./console.ts";
import { type Circumstances, DEV, T1 } from "./context.ts";
import { componentsOf, openDestination } from "./destination.ts";
import { compileDevices } from "./devices.ts";
import { compileHooks, PID_TEXT_BYTES, reservePidText } from "./hooks.ts";
import { compileIdentity, compileOomScore, compilePrivileges } from "./identity.ts";
import { compileKeyring } from "./keyring.ts";
import { compileLabels, labellingKeys, labelSlot } from "./labels.ts";
import { compileMaskedPaths, compileReadonlyPaths, compileSysctls } from "./masks.ts";
import { parseMountOptions } from "./mount-options.ts";
import { compileMounts, finishReadonly } from "./mounts.ts";
import {
  compileCgroupJoin,
  compileChildGuards,
  compileGuards,
  compileJoins,
  compileNamespaceSetup,
  compileNetDevices,
  type NamespacePlan,
  planNamespaces,
} from "./namespaces.ts";
import { compileNullStreams } from "./null-streams.ts";
import {
  compileCloseDescriptors,
  compileEnvironment,
  compileExec,
  compileGate,
  compileLookup,
  compilePreserved,
  compileReady,
  noEnvironment,
} from "./program.ts";
import { compileChangeRoot, compileReadonlyRoot, compileRoot, compileUnmountedRoot } from "./root.ts";
import { compileScheduling } from "./scheduling.ts";
import { compileSeccompFilter } from "./seccomp.ts";
import { compileStage, isWrittenTo } from "./stage.ts";
import { bindUnowned, lockCallersCgroup } from "./unowned.ts";

/** What `create` does: a plan for init, and the flags with which it is cloned. */
export interface CreatePlan extends Plan {
  readonly cloneFlags: number;
  /** Whether a first stage clones the process and tells its pid. */
  readonly isStaged: boolean;
  /**
   * Compiles the second half, the segment that init asks for when it has made the mounts. Compiling it takes as long as
   * they do, so it is done meanwhile.
   */
  readonly rest?: () => RestPlan;
}

/** From the devices to execve. */
export interface RestPlan extends Plan {
  /** Number of the record that is execve. */
  readonly execRecord: number;
}

/**
 * Compiles a validated `document`.
 * @throws {Unsupported} The document asks for what is not built; `context.what` names the field.
 */
export function compileCreate(document: RuntimeConfig, world: Circumstances): CreatePlan {
  const plan = new PlanBuilder();
  const { linux = {} } = document;
  const namespaces = planNamespaces(linux.namespaces ?? []);
  const bound = bindUnowned(document.mounts ?? [], linux.namespaces ?? []);
  const mounts = world.cgroup.isOwn ? bound : lockCallersCgroup(bound);
  const config = { ...document, mounts };
  // The inherited ones come first: the lowest slots are the next to where they have to go.
  const preserved: number[] = [];
  for (let index = 0; index < world.preserveFds; index++)
    preserved.push(plan.slot({ kind: "inherited", descriptor: 3 + index }));
  const gate = plan.slot({ kind: "file", path: `${world.stateDirectory}/exec.fifo`, flags: "fifo" });
  const started = plan.slot({ kind: "file", path: `${world.stateDirectory}/started.fifo`, flags: "fifo" });

  const procfs = labelSlot(plan, config.process);

  plan.section("linux.resources", "config-linux.md, Control groups");
  plan.host({ kind: "cgroup" });
  compileCgroupJoin(plan, world.cgroup.joins);
  compileOomScore(plan, config.process?.oomScoreAdj, world);
  const { dieWithParent } = world;
  const { timeOffsets = {} } = linux;
  // A plain user, who is not root outside, could not enter what is hidden either; where nothing is joined nobody else is inside.
  const isTheirs = world.isRootless && namespaces.joined.length === 0;
  compileGuards(plan, { dieWithParent, dumpable: isTheirs || isWrittenTo(namespaces, timeOffsets) });
  compileJoins(plan, namespaces.joined);
  if (namespaces.isStaged) {
    compileStage(plan, namespaces, timeOffsets);
    compileChildGuards(plan, { dieWithParent, dumpable: isTheirs });
  }
  compileNamespaceSetup(plan, namespaces, config);
  compileNetDevices(plan, linux.netDevices);
  if (!world.noNewKeyring)
    labellingKeys(plan, procfs, config.process, () =>
      compileKeyring(plan, world.containerID, { inUserNamespace: namespaces.user !== "none" }),
    );
  if (namespaces.mount)
    compileRoot(plan, world, {
      propagation: linux.rootfsPropagation,
      masks: (linux.maskedPaths ?? []).length > 0,
      mountLabel: linux.mountLabel,
      byParent: namespaces.user !== "none" && !world.isRootless,
    });
  else compileUnmountedRoot(plan, world.rootfs);
  compileMounts(plan, mounts, { world, inUserNamespace: namespaces.user !== "none", linux });
  plan.section("rest", "runtime.md, Create");
  plan.sync("rest");
  plan.host({ kind: "rest" });
  const first = plan.finish();
  let rest: RestPlan | undefined;
  return {
    ...first,
    cloneFlags: namespaces.spawn,
    isStaged: namespaces.isStaged,
    rest: () =>
      (rest ??= compileRest(first, config, world, { namespaces, preserved, gate, started, procfs })),
  };
}

function compileRest(
  first: Plan,
  config: RuntimeConfig,
  world: Circumstances,
  made: {
    namespaces: NamespacePlan;
    preserved: readonly number[];
    gate: number;
    started: number;
    procfs: number | undefined;
  },
): RestPlan {
  const plan = new PlanBuilder({ before: first });
  const { process, hooks = {} } = config;
  const pid = reservePidText(plan);
  compileFileSystem(plan, config, world, { namespaces: made.namespaces, pid });
  if (process?.terminal) compileStreams(plan);
  if (process !== undefined) {
    compileScheduling(plan, process, config.linux ?? {});
    compileLabels(plan, made.procfs, process);
    compileProcess(plan, process, world, made.namespaces.user !== "none" || world.isInUserNamespace);
  }
  const environment = process === undefined ? noEnvironment(plan) : compileEnvironment(plan, process);
  // The filter comes last, unless somebody listens to it: what hands the listener over is create.
  const asked = process?.noNewPrivileges ? world.seccomp : undefined;
  const late = asked?.listener === undefined ? asked : undefined;
  if (asked !== undefined && late === undefined) compileSeccompFilter(plan, asked);
  compileGate(plan, made.gate, made.started);
  const state = ociState({ id: world.containerID, bundle: world.bundle }, config, "created");
  compileHooks(plan, "startContainer", hooks.startContainer ?? [], { state, pid, environment, filter: late });
  compilePreserved(plan, made.preserved);
  if (late !== undefined) compileSeccompFilter(plan, late);
  const execRecord = process === undefined ? -1 : compileExec(plan, process, environment);
  return { ...plan.finish(), execRecord };
}

/** What the mounts leave to do of the root file system, and the change into it. */
function compileFileSystem(
  plan: PlanBuilder,
  config: RuntimeConfig,
  world: Circumstances,
  made: { namespaces: NamespacePlan; pid: DataRef },
): void {
  const { linux = {}, mounts = [], process } = config;
  const { namespaces } = made;
  const isDevBound = mounts.some(
    (mount) =>
      componentsOf(mount.destination).join("/") === "dev" &&
      parseMountOptions(mount.options ?? []).bind !== "no",
  );
  // A /dev from elsewhere is left as it is.
  if (isDevBound) openDestination(plan, "/dev", "directory", DEV);
  else {
    compileDevices(plan, linux.devices ?? [], {
      inUserNamespace: namespaces.user !== "none" || world.isInUserNamespace,
      hasKcore: world.hasKcore,
    });
    compileNullStreams(plan, world.nullStreams);
  }
  compileCreateHooks(plan, config, world, made.pid);
  if (process?.terminal)
    compileConsole(plan, { size: process.consoleSize, uid: process.user.uid, ptmx: "create" });
  compileSysctls(plan, linux.sysctl ?? {});
  if (process !== undefined) {
    plan.section("process.cwd", "config.md, process.cwd");
    // What stands in the way is told when the process enters it.
    openDestination(plan, process.cwd, "directory", T1, { on: { "*": "next" } });
  }
  finishReadonly(plan, mounts);
  if (config.root?.readonly) compileReadonlyRoot(plan);
  compileReadonlyPaths(plan, linux.readonlyPaths ?? []);
  compileMaskedPaths(plan, linux.maskedPaths ?? []);
  compileChangeRoot(plan, namespaces.mount ? (world.noPivot ? "move" : "pivot") : "chroot", {
    hostProcs: world.hostProcs,
    hostProcParents: world.hostProcParents,
    propagation: linux.rootfsPropagation,
  });
}

/** The hooks of create: the mounts and the devices are there, and the host's paths are still to be seen. */
function compileCreateHooks(
  plan: PlanBuilder,
  config: RuntimeConfig,
  world: Circumstances,
  pid: DataRef,
): void {
  const { hooks = {} } = config;
  const { createContainer = [], startContainer = [] } = hooks;
  const names = (["prestart", "createRuntime"] as const).filter((name) => hooks[name]?.length);
  if (names.length + createContainer.length + startContainer.length === 0) return;
  plan.section("hooks", "config.md, POSIX-platform Hooks");
  plan.sync("hooks", { slot: { data: pid, capacity: PID_TEXT_BYTES } });
  plan.host({ kind: "hooks", names });
  const state = ociState({ id: world.containerID, bundle: world.bundle }, config, "creating");
  // No environment unless it is given: the container's own could load code into the hook (2025-23266).
  compileHooks(plan, "createContainer", createContainer, {
    state,
    pid,
    environment: noEnvironment(plan),
  });
}

/** Everything about the process up to the gate. The last SYNC is here: after it the container is created. */
function compileProcess(
  plan: PlanBuilder,
  process: Process,
  world: Circumstances,
  inUserNamespace: boolean,
): void {
  compileReady(plan, process, ["created", "runtime.md, Lifecycle"], () => plan.host({ kind: "affinity" }));
  compileCloseDescriptors(plan);
  compilePrivileges(plan, process, world.seccomp);
  compileIdentity(plan, process, {
    lastCapability: world.lastCapability,
    dieWithParent: world.dieWithParent,
    inUserNamespace,
  });
  compileLookup(plan, process);
}
