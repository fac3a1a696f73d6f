/**
 * Restore: a container made again by CRIU from the images of a checkpoint, with the bundle's root file system, in new
 * cgroups, as a child of this process. Whatever fails, nothing half-made stays behind.
 * Source: runc restore; criu.org, RPC.
 */
import { resolvePath } from "../../base/index.ts";
import { type NamespaceType, parseRuntimeConfig, type RuntimeConfig } from "../../spec/index.ts";
import {
  check,
  closeSync,
  duplicate,
  existsSync,
  mkdirSync,
  O,
  openSync,
  readTextSync,
  realpathSync,
  reap,
  removeSync,
  statSync,
  syscall,
} from "../../sys/index.ts";
import { cgroupOwner, delegateCgroup } from "../cgroup/delegate.ts";
import { writeAllToCgroup } from "../cgroup/file.ts";
import { type CgroupLayout, readCgroupLayout } from "../cgroup/layout.ts";
import { planNoCgroup } from "../cgroup/none.ts";
import { type CgroupPlan, planCgroup } from "../cgroup/plan.ts";
import { killCgroup } from "../cgroup/processes.ts";
import { removeCgroup } from "../cgroup/remove.ts";
import type { CgroupWrite } from "../cgroup/write.ts";
import type { CreatePlan } from "../compile/compile.ts";
import { O_CLOEXEC, O_DIRECTORY, O_PATH, SIGKILL } from "../compile/constants.ts";
import { compileRestore } from "../compile/restore.ts";
import { lookUp } from "../machine/circumstances.ts";
import { conduct } from "../machine/conduct.ts";
import { checkConsole, openConsoleSocket, sendMaster } from "../machine/console.ts";
import { type CreateOptions, checkConfig, laterHooks, readConfig } from "../machine/create.ts";
import { runHooks, runPoststopHooks } from "../machine/hooks.ts";
import { perform } from "../machine/host-steps.ts";
import { type Launched, launch } from "../machine/launch.ts";
import { addNotifySocket, NotifySocket, noteNotified } from "../machine/notify.ts";
import { streamNames } from "../machine/null-stream.ts";
import { rollBack } from "../machine/roll-back.ts";
import { attachDevicesIfAllowed, createCgroupOrNone } from "../machine/rootless.ts";
import type { ContainerUnit } from "../machine/units.ts";
import { printWarning } from "../machine/warning.ts";
import { ociState } from "../oci-state.ts";
import {
  createResctrl,
  enterResctrl,
  planResctrl,
  type ResctrlGroup,
  removeResctrl,
} from "../resctrl/group.ts";
import { claimState, noteCgroupsPath, saveState, startTimeOf } from "../state.ts";
import { type CriuChoices, configFile, DESCRIPTORS_FILE, explain, LOG_LEVEL } from "./choices.ts";
import { inheritedStreams, NoCheckpoint } from "./descriptors.ts";
import { mountsOf, mountsToRestore } from "./external-mounts.ts";
import { setUpLoopback } from "./loopback.ts";
import { CGROUP_MODES, type CriuNotify, type CriuOptions } from "./messages.ts";
import { type NamespacesToRestore, namespacesToRestore } from "./namespaces.ts";
import { readNotify, type SavedNotify } from "./notify.ts";
import {
  criuEnvironment,
  criuVersion,
  findCriu,
  refuseFailure,
  refuseUser,
  requireVersion,
} from "./process.ts";
import { converse } from "./service.ts";

/** What restore is told, beside what checkpoint is told too. */
export interface RestoreChoices extends CriuChoices {
  readonly more: Pick<CriuOptions, "lsm_profile" | "lsm_mount_context">;
}

/** What create is told that means something for a container whose processes are there already. */
export type RestoreOptions = Omit<
  CreateOptions,
  "amend" | "preserveFds" | "noNewKeyring" | "dieWithParent" | "parent"
> & {
  /** Socket that is told when the container is ready. */
  readonly notifyHost?: string;
};

/** A container that runs again; a child of the calling process, which reaps it. */
export interface RestoredContainer {
  readonly pid: number;
  /** The caller closes it. */
  readonly pidfd: number;
  /** Its notify socket, if it has one and somebody is to be told. The caller disposes of it. */
  readonly notify?: NotifySocket;
  /** It has said so before it was saved, or may have. */
  readonly isReady: boolean;
}

const LOG = "restore.log";
/** From here on another profile or context can be given. */
const CHANGES_LSM = 31_600;

/**
 * Restores the container of `options` from the images of `choices`.
 * @throws {NoCheckpoint} {CriuMissing} {CriuLacks} {CriuFailed}, and what create throws for the bundle
 */
export function restoreContainer(options: RestoreOptions, choices: RestoreChoices): RestoredContainer {
  using opened = new DisposableStack();
  const own = (descriptor: number): number => {
    opened.defer(() => closeSync(descriptor));
    return descriptor;
  };
  const asked = look(options, choices, own);
  const undo: (() => void)[] = [];
  try {
    const made = make(options, asked, undo);
    const criu = startCriu(options, asked, made, own);
    let pid: number | undefined;
    undo.push(() => end(criu, pid, made.cgroup));
    made.unit?.handOver(criu.pid, made.cgroup.paths);
    const response = converse(
      criu.socket,
      "RESTORE",
      { opts: requestOptions(asked, choices, made, criu) },
      {
        onNotify(notify, descriptors) {
          if (notify.pid > 0) pid = notify.pid;
          onNotify(notify, descriptors, { options, asked, made, undo });
        },
      },
    );
    syscall("shutdown", criu.socket, SHUT_WR);
    refuseFailure("RESTORE", reap(criu.pid, { wait: true }), () => "");
    pid = response.restored;
    const pidfd = check(syscall("pidfd_open", pid, 0), "pidfd_open", String(pid));
    const { notify } = made;
    // runc does not save it, and starts no container in the background that is not ready.
    return { pid, pidfd, ...(notify && { notify }), isReady: asked.notify?.ready ?? true };
  } catch (error) {
    throw rollBack(undo, explain(error, choices, LOG));
  }
}
const SHUT_WR = 1;

/** Everything that can be found out before anything is made. */
interface Asked {
  readonly bundle: string;
  readonly configText: string;
  readonly config: RuntimeConfig;
  readonly layout: CgroupLayout;
  readonly program: string;
  readonly imagePath: string;
  readonly workPath: string;
  readonly streams: NonNullable<CriuOptions["inherit_fd"]>;
  readonly namespaces: NamespacesToRestore;
  readonly notify: SavedNotify | undefined;
}

function look(options: RestoreOptions, choices: RestoreChoices, own: (descriptor: number) => number): Asked {
  const bundle = realpathSync(options.bundle);
  const configText = readConfig(bundle, options.configFile);
  const config = parseRuntimeConfig(configText);
  checkConfig(config);
  checkConsole(config.process ?? {}, options);
  refuseUser();
  const { imagePath, workPath = imagePath } = choices;
  if (!existsSync(imagePath)) throw new NoCheckpoint({ path: imagePath, why: "there is no such directory" });
  const streams = inheritedStreams(imagePath, DESCRIPTORS_FILE);
  const notify = readNotify(imagePath);
  const program = findCriu();
  const version = criuVersion(program);
  for (const option of ["lsm_profile", "lsm_mount_context"] as const)
    if (choices.more[option] !== undefined)
      requireVersion(version, CHANGES_LSM, `--${option.replaceAll("_", "-")}`);
  mkdirSync(workPath, { recursive: true, mode: 0o700 });
  return {
    ...{ bundle, configText, config, imagePath, workPath, program, streams, notify },
    layout: readCgroupLayout(),
    namespaces: namespacesToRestore(config, version, own),
  };
}

/** What is made before CRIU begins. */
interface Made {
  readonly directory: string;
  /** The document, with the folder of the notify socket mounted. */
  readonly mounted: RuntimeConfig;
  readonly notify: NotifySocket | undefined;
  /** Takes the terminal's master; absent: the caller does. */
  readonly console: number | undefined;
  readonly unit: ContainerUnit | undefined;
  readonly cgroup: CgroupPlan;
  readonly group: ResctrlGroup | undefined;
}

/** The claim on the ID and the cgroups, as create makes them. */
function make(
  options: RestoreOptions,
  { config, layout, notify: savedNotify }: Asked,
  undo: (() => void)[],
): Made {
  const { containerID, rootless, notifyHost } = options;
  const unit = options.planUnit?.(config, containerID, layout);
  const linux = unit?.linux ?? config.linux;
  const planned = options.withoutCgroup ? planNoCgroup(config.linux) : planCgroup(linux, containerID, layout);
  const resctrl = planResctrl(config.linux?.intelRdt, containerID);
  const directory = claimState(options.root, containerID);
  undo.push(() => removeSync(directory));
  if (linux?.cgroupsPath) noteCgroupsPath(directory, linux.cgroupsPath);
  const hasNotify = savedNotify !== undefined || notifyHost !== undefined;
  const mounted = hasNotify ? addNotifySocket(config, directory) : config;
  if (savedNotify?.ready) noteNotified(directory);
  const notify = notifyHost === undefined ? undefined : NotifySocket.bind(directory, notifyHost);
  undo.push(() => notify?.[Symbol.dispose]());
  const { consoleSocket } = options;
  const console = consoleSocket === undefined ? undefined : openConsoleSocket(consoleSocket);
  if (unit !== undefined) {
    undo.push(() => unit.stop());
    unit.start();
  }
  const cgroup = createCgroupOrNone(planned, config.linux, { rootless, isUnit: unit !== undefined });
  undo.push(() => removeCgroup(cgroup.paths));
  const group = resctrl && createResctrl(resctrl);
  if (group !== undefined) undo.push(() => removeResctrl(group));
  delegateCgroup(cgroup.paths, cgroupOwner(config));
  attachDevicesIfAllowed(cgroup, rootless);
  writeAllToCgroup(cgroup.limits.filter((write) => !isOfProcesses(write)));
  return { directory, mounted, notify, console, unit, cgroup, group };
}

/** A limit of as many as the container has would not hold criu and its helpers; it is written when they are done. */
function isOfProcesses({ controller }: CgroupWrite): boolean {
  return controller === "pids";
}

/** A criu that waits for its request, in the container's cgroups. */
interface WaitingCriu {
  readonly pid: number;
  readonly pidfd: number;
  readonly socket: number;
  /** Its number of each namespace that it inherits, by name. */
  readonly namespaces: NonNullable<CriuOptions["inherit_fd"]>;
  /** Its numbers of its directories. */
  readonly directories: Pick<CriuOptions, "images_dir_fd" | "work_dir_fd">;
  /** As it sees it. */
  readonly root: string;
}

function startCriu(
  options: RestoreOptions,
  { bundle, layout, program, namespaces, imagePath, workPath }: Asked,
  { directory, mounted: config, cgroup }: Made,
  own: (descriptor: number) => number,
): WaitingCriu {
  const { containerID, noPivot = false } = options;
  const choices = { containerID, bundle, stateDirectory: directory, noPivot };
  const others = { noNewKeyring: false, preserveFds: 0, nullStreams: [], dieWithParent: false };
  const world = lookUp(config, { ...choices, ...others }, layout, cgroup);
  const { plan, images, work, inherited } = compileRestore(config, mountsOf(config), world, {
    ...{ program, imagePath, workPath },
    environment: criuEnvironment(),
    inherited: namespaces.inherited.map(({ descriptor }) => descriptor),
  });
  // A container with a terminal has it back by itself.
  const nothing = config.process?.terminal ? own(openSync("/dev/null", O.RDWR)) : undefined;
  const stdio = nothing === undefined ? options.stdio : ([nothing, nothing, nothing] as const);
  const { cloneFlags } = plan;
  const { join } = cgroup;
  const place =
    join.directory === undefined
      ? {}
      : { cgroup: own(openSync(join.directory, O_PATH | O_DIRECTORY | O_CLOEXEC)) };
  const init = launch(plan, { stdio, cloneFlags, ...place });
  own(init.pidfd);
  return {
    ...{ pid: init.pid, pidfd: init.pidfd },
    socket: own(becomeCriu(plan, config, init)),
    namespaces: namespaces.inherited.map(({ key }, index) => ({ key, fd: inherited[index] ?? -1 })),
    directories: { images_dir_fd: images, work_dir_fd: work },
    root: world.rootfs,
  };
}

/** Returns our end of criu's socket when init has become criu. The caller closes it. */
function becomeCriu(plan: CreatePlan, config: RuntimeConfig, init: Launched): number {
  let socket = -1;
  const nothing = (): undefined => undefined;
  const context = { config, process: undefined, rest: nothing };
  const moments = { onMaster: nothing, onCreated: nothing, onNetDevices: nothing, onHooks: nothing };
  const stateOf = (): never => {
    throw new RangeError("No step of a restore's plan asks for the state");
  };
  try {
    conduct(plan, config, init, (step, said, pid) => {
      if (step.kind === "state") socket = duplicate(said.descriptors[0] ?? -1);
      return perform({ ...context, ...moments, stateOf }, step, said, pid);
    });
    return socket;
  } catch (error) {
    syscall("pidfd_send_signal", init.pidfd, SIGKILL, 0, 0);
    reap(init.pid, { wait: true });
    if (socket >= 0) closeSync(socket);
    throw error;
  } finally {
    closeSync(init.socket);
  }
}

function requestOptions(
  { bundle, layout, streams, namespaces }: Asked,
  { cgroupsMode, plain, more }: RestoreChoices,
  { mounted: config, cgroup }: Made,
  criu: WaitingCriu,
): CriuOptions {
  const { join_ns } = namespaces;
  return {
    ...criu.directories,
    ...plain,
    ...more,
    evasive_devices: true,
    log_level: LOG_LEVEL,
    log_file: LOG,
    notify_scripts: true,
    root: criu.root,
    rst_sibling: true,
    manage_cgroups: true,
    manage_cgroups_mode: CGROUP_MODES[cgroupsMode],
    orphan_pts_master: true,
    ext_mnt: mountsToRestore(config, bundle, { layout, paths: cgroup.paths }),
    inherit_fd: [...criu.namespaces, ...streams],
    cg_root: cgroupsOf(criu.pid),
    ...(join_ns.length > 0 && { join_ns }),
    ...configFile(config),
  };
}

/** Where the saved cgroups are to be: criu is there already. */
function cgroupsOf(pid: number): NonNullable<CriuOptions["cg_root"]> {
  const lines = readTextSync(`/proc/${pid}/cgroup`).trim().split("\n");
  return lines.flatMap((line) => {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return controllers.split(",").map((ctrl) => ({ ctrl, path }));
  });
}

interface Moment {
  readonly options: RestoreOptions;
  readonly asked: Asked;
  readonly made: Made;
  readonly undo: (() => void)[];
}

function onNotify({ script, pid }: CriuNotify, descriptors: readonly number[], moment: Moment): void {
  const { options, made } = moment;
  switch (script) {
    case "setup-namespaces":
      startHooks(pid, moment);
      return;
    case "orphan-pts-master": {
      const [master] = descriptors;
      if (master === undefined) return;
      if (made.console === undefined) options.onConsole?.(master);
      else sendMaster(made.console, master);
      return;
    }
    case "post-restore":
      if (made.group !== undefined) enterResctrl(made.group, pid);
      writeAllToCgroup(made.cgroup.limits.filter(isOfProcesses));
      if (hasOwn("network", moment.asked.config)) setUpLoopback(pid);
      save(pid, moment);
  }
}

/** The hooks that run when the namespaces are there. Those inside the container have no process to run in. Source: runc restore. */
function startHooks(pid: number, { options, asked, undo }: Moment): void {
  const { bundle, config } = asked;
  const container = { id: options.containerID, bundle };
  // From here on something may have to be taken back. Source: runtime.md, Lifecycle.
  undo.unshift(() =>
    runPoststopHooks(
      config.hooks?.poststop,
      ociState(container, config, "stopped"),
      options.onWarning ?? printWarning,
    ),
  );
  const state = ociState(container, config, "creating", pid);
  for (const name of ["prestart", "createRuntime"] as const) runHooks(name, config.hooks?.[name], state);
}

/** Makes the container visible. */
function save(pid: number, { options, asked, made }: Moment): void {
  const { bundle, config, configText } = asked;
  const { cgroup, unit, group } = made;
  const later = laterHooks(config);
  saveState(made.directory, {
    ociVersion: config.ociVersion,
    id: options.containerID,
    pid,
    startTime: startTimeOf(pid) ?? "",
    bundle,
    rootfs: resolvePath(bundle, config.root?.path ?? "rootfs"),
    created: new Date().toISOString(),
    owner: process.getuid?.() ?? 0,
    exec: { segment: 0, record: -1 },
    cgroupPaths: cgroup.paths,
    ...(unit !== undefined && { unit: unit.name }),
    ...(group !== undefined && { resctrl: group }),
    ...(!config.process?.terminal && { descriptors: streamNames(options.stdio) }),
    ...(!hasOwn("time", config) && isInOtherTime(pid) && { hasTimeNamespace: true }),
    ...(later.length > 0 && { laterHooks: later }),
    configText,
  });
}

function hasOwn(type: NamespaceType, { linux }: RuntimeConfig): boolean {
  return linux?.namespaces?.some((namespace) => namespace.type === type && !namespace.path) ?? false;
}

/** CRIU restores into a time namespace, where the kernel has them. */
function isInOtherTime(pid: number): boolean {
  return statSync(`/proc/${pid}/ns/time`).inode !== statSync("/proc/self/ns/time").inode;
}

/** Ends criu and whatever it has restored, and reaps what is ours: `restored` is, and keeps its number until then. */
function end(criu: WaitingCriu, restored: number | undefined, { paths }: CgroupPlan): void {
  syscall("pidfd_send_signal", criu.pidfd, SIGKILL, 0, 0);
  if (restored !== undefined) syscall("kill", restored, SIGKILL);
  killCgroup(paths);
  for (const pid of [criu.pid, restored]) if (pid !== undefined) reap(pid, { wait: true });
}
