/** Starts one more process in a running container. Source: runc exec. */
import { hasCode, messageOf, TeuError } from "../../base/index.ts";
import type { Process, RuntimeConfig } from "../../spec/index.ts";
import { closeSync, isInUserNamespace, openSync, readTextSync, syscall } from "../../sys/index.ts";
import { isFrozen } from "../cgroup/freezer.ts";
import { parseCgroupLayout } from "../cgroup/layout.ts";
import type { CgroupPaths } from "../cgroup/path.ts";
import { subCgroupPaths } from "../cgroup/sub-path.ts";
import type { CreatePlan } from "../compile/compile.ts";
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from "../compile/constants.ts";
import type { SeccompPlan } from "../compile/context.ts";
import { compileExecProcess } from "../compile/exec.ts";
import { CLONE_FLAGS } from "../compile/namespaces.ts";
import { ociState } from "../oci-state.ts";
import { enterResctrl } from "../resctrl/group.ts";
import { loadState, type SavedState, savedConfig, startTimeOf, stateDirectory } from "../state.ts";
import { refuseUnsupported } from "../unsupported.ts";
import { onCPUs } from "./affinity.ts";
import { conduct } from "./conduct.ts";
import { checkConsole, openConsoleSocket, sendMaster } from "./console.ts";
import type { CreateOptions } from "./create.ts";
import { perform } from "./host-steps.ts";
import { refuseForKernel } from "./kernel.ts";
import { lastCapability } from "./last-capability.ts";
import { launch } from "./launch.ts";
import { guardedStreams } from "./null-stream.ts";
import { explainDeath } from "./oom.ts";
import { isRootless } from "./rights.ts";
import { savedFilter } from "./saved-filter.ts";
import { warnOfCapabilities } from "./warning.ts";

/** The container cannot take another process. The sentences are runc's. */
export class CannotExec extends TeuError<"cannot-exec", { id: string; status: "stopped" | "paused" }> {
  constructor(context: { id: string; status: "stopped" | "paused" }) {
    const hint = context.status === "paused" ? " (use --ignore-paused to override)" : "";
    super(
      "cannot-exec",
      "failed-precondition",
      context,
      `cannot exec in a ${context.status} container${hint}`,
    );
  }
}

/** A sub-cgroup is not there, or takes no process. The words are runc's. */
export class CannotEnterCgroup extends TeuError<"cannot-enter-cgroup", { paths: readonly string[] }> {
  constructor(context: { paths: readonly string[] }, cause: unknown) {
    super(
      "cannot-enter-cgroup",
      "failed-precondition",
      context,
      `error adding pid of the process to cgroups ${context.paths.join(", ")}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** What the caller of exec says, beside the process. */
export interface ExecOptions
  extends Pick<
    CreateOptions,
    "stdio" | "consoleSocket" | "onConsole" | "preserveFds" | "dieWithParent" | "parent" | "onWarning"
  > {
  readonly ignorePaused?: boolean;
  /** Below the container's cgroup, as `path` or `controller[,controller]:path`. */
  readonly subCgroups?: readonly string[];
}

/**
 * Runs `given` in the container and returns once it is the program. It is a child of the calling process, which reaps it, or of the parent that was named.
 * @returns its pid
 * @throws {ContainerNotFound} {CannotExec} {ProgramNotRunnable} {PlanFailed}
 */
export async function execProcess(
  root: string,
  containerID: string,
  given: Process,
  options: ExecOptions,
): Promise<number> {
  const state = loadState(root, containerID);
  if (startTimeOf(state.pid) !== state.startTime)
    throw new CannotExec({ id: containerID, status: "stopped" });
  if (options.ignorePaused !== true && isFrozen(state.cgroupPaths))
    throw new CannotExec({ id: containerID, status: "paused" });
  checkConsole(given, options);
  const config = savedConfig(state);
  const process = completed(given, config.process);
  warnOfCapabilities(process.capabilities, options.onWarning);
  refuseForKernel(process);
  refuseUnsupported({ ...config, process });
  const console = options.consoleSocket === undefined ? undefined : openConsoleSocket(options.consoleSocket);
  const paths = subCgroupPaths(state.cgroupPaths, options.subCgroups ?? []);
  const filter = await filterOf(root, containerID, config);
  const plan = compileFor(config, process, state, { paths, filter }, options);
  using streams = process.terminal ? undefined : guardedStreams(options.stdio);
  const { stdio = options.stdio } = streams ?? {};
  const init = onCPUs(process.execCPUAffinity?.initial, () =>
    launchInside(plan, paths, state.pid, { ...options, stdio }),
  );
  try {
    const onMaster = (master: number): void =>
      console === undefined ? options.onConsole?.(master) : sendMaster(console, master);
    const context = {
      config,
      process,
      onMaster,
      onCreated: (created: number) => {
        if (state.resctrl !== undefined) enterResctrl(state.resctrl, created);
      },
      onHooks: () => {},
      onNetDevices: () => {},
      stateOf: () => ociState(state, config, "running", state.pid),
      rest: () => undefined,
    };
    return conduct(plan, { process }, init, (step, said, about) => perform(context, step, said, about));
  } catch (error) {
    throw explainDeath(error, state.cgroupPaths, `${messageOf(error)} (possibly OOM-killed)`);
  } finally {
    for (const descriptor of [init.socket, init.pidfd]) syscall("close", descriptor);
    // The stage that joined the namespaces has told the pid and left.
    init.parent.reap(init.pid);
  }
}

/** The container's own, as it was compiled for its first process. */
async function filterOf(
  root: string,
  containerID: string,
  { linux }: RuntimeConfig,
): Promise<SeccompPlan | undefined> {
  if (!linux?.seccomp) return undefined;
  const saved = savedFilter(stateDirectory(root, containerID));
  return saved ?? (await import("./filter.ts")).compileFilter(linux.seccomp);
}

/** What `process` leaves open is as the container's own process has it. Source: runc exec. */
function completed(process: Process, own: Process | undefined): Process {
  if (own === undefined) return process;
  const { capabilities, apparmorProfile, selinuxLabel, rlimits, oomScoreAdj } = own;
  const { scheduler, ioPriority, execCPUAffinity, user } = own;
  return {
    ...(capabilities && { capabilities }),
    ...(scheduler && { scheduler }),
    ...(ioPriority && { ioPriority }),
    ...(execCPUAffinity && { execCPUAffinity }),
    ...(oomScoreAdj !== undefined && { oomScoreAdj }),
    ...process,
    ...(!process.apparmorProfile && apparmorProfile && { apparmorProfile }),
    ...(!process.selinuxLabel && selinuxLabel && { selinuxLabel }),
    ...(!process.rlimits?.length && rlimits && { rlimits }),
    user: { ...(user.umask !== undefined && { umask: user.umask }), ...process.user },
  };
}

function compileFor(
  config: RuntimeConfig,
  process: Process,
  { id, pid, startTime, noNewKeyring, hasTimeNamespace }: SavedState,
  { paths, filter }: { readonly paths: CgroupPaths; readonly filter: SeccompPlan | undefined },
  options: ExecOptions,
): CreatePlan {
  const { namespaces = [], personality, memoryPolicy } = config.linux ?? {};
  return compileExecProcess(process, {
    containerID: id,
    noNewKeyring: noNewKeyring ?? false,
    pid,
    startTime,
    joins: joinFiles(paths),
    namespaces: namespaces.reduce(
      (flags, { type }) => flags | CLONE_FLAGS[type],
      hasTimeNamespace ? CLONE_FLAGS.time : 0,
    ),
    hasUserNamespace: namespaces.some(({ type }) => type === "user"),
    hasMountNamespace: namespaces.some(({ type }) => type === "mount"),
    ...(filter && { seccomp: filter }),
    ...(personality && { personality }),
    ...(memoryPolicy && { memoryPolicy }),
    lastCapability: lastCapability(),
    isRootless: isRootless(),
    isInUserNamespace: isInUserNamespace(),
    preserveFds: options.preserveFds ?? 0,
    dieWithParent: options.dieWithParent ?? false,
  });
}

/** v1; into the unified hierarchy it is cloned. */
function joinFiles({ "": _, ...v1 }: CgroupPaths): string[] {
  return [...new Set(Object.values(v1))].map((path) => `${path}/tasks`);
}

function launchInside(
  plan: CreatePlan,
  paths: CgroupPaths,
  pid: number,
  { stdio, parent, subCgroups = [] }: ExecOptions,
): ReturnType<typeof launch> {
  const unified = paths[""];
  if (unified === undefined) return launch(plan, { stdio, parent, cloneFlags: 0 });
  const enter = (path: string): ReturnType<typeof launch> => {
    const directory = openSync(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    try {
      return launch(plan, { stdio, parent, cloneFlags: 0, cgroup: directory });
    } finally {
      closeSync(directory);
    }
  };
  try {
    return enter(unified);
  } catch (error) {
    if (!hasCode(error, "system-call-failed")) throw error;
    if (subCgroups.length > 0) throw new CannotEnterCgroup({ paths: subCgroups }, error);
    // A container that passes controllers down to cgroups of its own has its processes there, and can have none beside them; and
    // what they have left somebody may have removed.
    if (error.context["errno"] !== "EBUSY" && error.context["errno"] !== "ENOENT") throw error;
    return enter(cgroupOf(pid));
  }
}

/** Where a process is in the unified hierarchy. */
function cgroupOf(pid: number): string {
  const { unified } = parseCgroupLayout(
    readTextSync("/proc/self/mountinfo"),
    readTextSync(`/proc/${pid}/cgroup`),
  );
  return `${unified?.mountPoint}${unified?.own}`;
}
