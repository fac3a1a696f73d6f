/**
 * config.json → plan: the whole way from clone to exec as one ordered list. Pure: the same document in the same
 * circumstances gives the same plan, without root and without looking at the machine.
 * Source: runtime-spec config.md, config-linux.md; runtime.md, Lifecycle.
 */
import type { Process, RuntimeConfig } from "../../spec/index.ts";
import { PlanBuilder } from "../plan/builder.ts";
import type { Plan } from "../plan/plan.ts";
import { compileConsole, compileStreams } from "./console.ts";
import { KEYCTL_JOIN_SESSION_KEYRING } from "./constants.ts";
import { type Circumstances, ROOT, T1 } from "./context.ts";
import { componentsOf, openDestination } from "./destination.ts";
import { compileDevices } from "./devices.ts";
import { compileIdentity, compilePrivileges, compileSeccompFilter } from "./identity.ts";
import { compileMaskedPaths, compileReadonlyPaths, compileSysctls } from "./masks.ts";
import { parseMountOptions } from "./mount-options.ts";
import { compileMounts, finishReadonly } from "./mounts.ts";
import {
  compileCgroupJoin,
  compileGuards,
  compileJoins,
  compileNamespaceSetup,
  type NamespacePlan,
  planNamespaces,
} from "./namespaces.ts";
import {
  compileCloseDescriptors,
  compileExec,
  compileGate,
  compileLookup,
  compilePreserved,
  lacksHome,
} from "./program.ts";
import { compileChangeRoot, compileReadonlyRoot, compileRoot } from "./root.ts";
import { compileStage, isWrittenTo } from "./stage.ts";

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
 * Compiles a validated `config`.
 * @throws {Unsupported} The document asks for what is not built; `context.what` names the field.
 */
export function compileCreate(config: RuntimeConfig, world: Circumstances): CreatePlan {
  const plan = new PlanBuilder();
  const { linux = {}, mounts = [] } = config;
  const namespaces = planNamespaces(linux.namespaces ?? []);
  // The inherited ones come first: the lowest slots are the next to where they have to go.
  const preserved = Array.from({ length: world.preserveFds }, (_, index) =>
    plan.slot({ kind: "inherited", descriptor: 3 + index }),
  );
  const gate = plan.slot({ kind: "file", path: `${world.stateDirectory}/exec.fifo`, flags: "fifo" });
  const started = plan.slot({ kind: "file", path: `${world.stateDirectory}/started.fifo`, flags: "fifo" });

  plan.section("linux.resources", "config-linux.md, Control groups");
  plan.host({ kind: "cgroup" });
  compileCgroupJoin(plan, world.cgroup.joins);
  const { dieWithParent } = world;
  const { timeOffsets = {} } = linux;
  compileGuards(plan, { dieWithParent, dumpable: isWrittenTo(namespaces, timeOffsets) });
  compileJoins(plan, namespaces.joined);
  if (namespaces.isStaged) {
    compileStage(plan, namespaces, timeOffsets);
    compileGuards(plan, { dieWithParent, dumpable: false });
  }
  compileNamespaceSetup(plan, namespaces, config);
  if (!world.noNewKeyring) compileKeyring(plan, world.containerID);
  compileRoot(plan, world.rootfs, {
    propagation: linux.rootfsPropagation,
    masks: (linux.maskedPaths ?? []).length > 0,
  });
  compileMounts(plan, mounts, world, namespaces.user !== "none");
  plan.section("rest", "runtime.md, Create");
  plan.sync("rest");
  plan.host({ kind: "rest" });
  const first = plan.finish();
  let rest: RestPlan | undefined;
  return {
    ...first,
    cloneFlags: namespaces.spawn,
    isStaged: namespaces.isStaged,
    rest: () => (rest ??= compileRest(first, config, world, { namespaces, preserved, gate, started })),
  };
}

function compileRest(
  first: Plan,
  config: RuntimeConfig,
  world: Circumstances,
  made: { namespaces: NamespacePlan; preserved: readonly number[]; gate: number; started: number },
): RestPlan {
  const plan = new PlanBuilder({ before: first });
  const { process } = config;
  compileFileSystem(plan, config, world, made.namespaces);
  if (process?.terminal) compileStreams(plan);
  if (process !== undefined) compileProcess(plan, process, world);
  compileGate(plan, made.gate, made.started);
  compilePreserved(plan, made.preserved);
  if (process?.noNewPrivileges && world.seccomp !== undefined) compileSeccompFilter(plan, world.seccomp);
  const execRecord = process === undefined ? -1 : compileExec(plan, process);
  return { ...plan.finish(), execRecord };
}

/** What the mounts leave to do of the root file system, and the change into it. */
function compileFileSystem(
  plan: PlanBuilder,
  config: RuntimeConfig,
  world: Circumstances,
  namespaces: NamespacePlan,
): void {
  const { linux = {}, mounts = [], process } = config;
  const isDevBound = mounts.some(
    (mount) =>
      componentsOf(mount.destination).join("/") === "dev" &&
      parseMountOptions(mount.options ?? []).bind !== "no",
  );
  if (!isDevBound)
    compileDevices(plan, linux.devices ?? [], {
      inUserNamespace: namespaces.user !== "none",
      hasKcore: world.hasKcore,
    });
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
  compileChangeRoot(plan, namespaces.mount ? (world.noPivot ? "move" : "pivot") : "chroot");
}

/** Everything about the process up to the gate. The last SYNC is here: after it the container is created. */
function compileProcess(plan: PlanBuilder, process: Process, world: Circumstances): void {
  plan.section("created", "runtime.md, Lifecycle");
  plan.sync("ready", { descriptors: [ROOT] });
  if (process.oomScoreAdj !== undefined) plan.host({ kind: "oom-score", value: process.oomScoreAdj });
  if ((process.rlimits ?? []).length > 0) plan.host({ kind: "rlimits" });
  if (lacksHome(process)) plan.host({ kind: "home", uid: process.user.uid });
  plan.host({ kind: "state" });
  compileCloseDescriptors(plan);
  compilePrivileges(plan, process, world.seccomp);
  compileIdentity(plan, process, {
    lastCapability: world.lastCapability,
    dieWithParent: world.dieWithParent,
    canSetGroups: true,
  });
  compileLookup(plan, process);
}

/** A session keyring of its own, so that keys do not cross containers. */
function compileKeyring(plan: PlanBuilder, containerID: string): void {
  plan.section("--no-new-keyring", "runc create");
  plan.call("keyctl", [KEYCTL_JOIN_SESSION_KEYRING, plan.text(`_ses.${containerID}`)], {
    on: { ENOSYS: "next", EPERM: "next" },
  });
}
