/**
 * The create sequence: from a bundle to a process that waits at the gate. All of it is here in order; what each step
 * does is elsewhere. Whatever fails, nothing half-made stays behind.
 * Source: runtime-spec runtime.md, Create.
 */
import { resolvePath, TeuError } from "../../base/index.ts";
import { type HookName, parseRuntimeConfig, type RuntimeConfig } from "../../spec/index.ts";
import {
  check,
  closeSync,
  cString,
  openSync,
  readTextSync,
  realpathSync,
  removeSync,
  SystemCallFailed,
  syscall,
} from "../../sys/index.ts";
import { cgroupOwner, delegateCgroup } from "../cgroup/delegate.ts";
import { writeAllToCgroup } from "../cgroup/file.ts";
import { type CgroupLayout, readCgroupLayout } from "../cgroup/layout.ts";
import { planNoCgroup } from "../cgroup/none.ts";
import type { CgroupPaths } from "../cgroup/path.ts";
import { type CgroupPlan, planCgroup, precedesJoin } from "../cgroup/plan.ts";
import { removeCgroup } from "../cgroup/remove.ts";
import { type CreatePlan, compileCreate } from "../compile/compile.ts";
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH, S_IFIFO, SIGKILL } from "../compile/constants.ts";
import type { SeccompPlan } from "../compile/context.ts";
import { ociState } from "../oci-state.ts";
import { digestOfPlan } from "../plan/digest.ts";
import {
  createResctrl,
  enterResctrl,
  planResctrl,
  type ResctrlGroup,
  removeResctrl,
} from "../resctrl/group.ts";
import { claimState, noteCgroupsPath, saveState, startTimeOf, stateDirectory } from "../state.ts";
import { refuseUnsupported } from "../unsupported.ts";
import { validateConfig } from "../validate.ts";
import { validateRootless } from "../validate-rootless.ts";
import { lookUp } from "./circumstances.ts";
import { conduct } from "./conduct.ts";
import { checkConsole, openConsoleSocket, sendMaster } from "./console.ts";
import { naming, StepFailed } from "./errors.ts";
import { runHooks, runPoststopHooks } from "./hooks.ts";
import { type HostContext, perform } from "./host-steps.ts";
import { refuseForKernel } from "./kernel.ts";
import { type InitParent, type Launched, launch } from "./launch.ts";
import { MovedDevices } from "./net-devices.ts";
import { streamNames } from "./null-stream.ts";
import { explainDeath } from "./oom.ts";
import { isRootless } from "./rights.ts";
import { rollBack } from "./roll-back.ts";
import { attachDevicesIfAllowed, createCgroupOrNone } from "./rootless.ts";
import { saveFilter } from "./saved-filter.ts";
import type { PlanUnit } from "./units.ts";
import { type OnWarning, printWarning, warnOfCapabilities } from "./warning.ts";

/** What the caller of create says, beside the bundle. */
export interface CreateOptions {
  /** Directory of all containers' states; made if missing. */
  readonly root: string;
  readonly containerID: string;
  /** Directory with config.json. */
  readonly bundle: string;
  /** What config.json is called instead, from the bundle on. */
  readonly configFile?: string;
  /** What config.json says, from a caller that has just written it: it is not read again. */
  readonly document?: ConfigDocument;
  /** Descriptors that become the process's 0, 1, 2, unless it has a terminal. Stay the caller's. */
  readonly stdio: readonly [number, number, number];
  /** Socket that is sent the terminal's master. */
  readonly consoleSocket?: string;
  /** Takes the terminal's master instead of a socket; the callee duplicates what it keeps. */
  readonly onConsole?: (master: number) => void;
  /** What the caller adds to the checked document, when the container has its state directory. */
  readonly amend?: (config: RuntimeConfig, stateDirectory: string) => RuntimeConfig;
  readonly noPivot?: boolean;
  readonly noNewKeyring?: boolean;
  /** How many descriptors from 3 on the process inherits. */
  readonly preserveFds?: number;
  /** Makes the container a unit of systemd; `planUnit` of units.ts, which only who needs it loads. */
  readonly planUnit?: PlanUnit;
  /** The container stays in its creator's cgroups, and has no limits. */
  readonly withoutCgroup?: boolean;
  /** Whether a cgroup that may not be made is passed over when nothing asks for it; absent: if the caller is not the host's root. */
  readonly rootless?: boolean;
  /** The container is killed when its parent dies. */
  readonly dieWithParent?: boolean;
  /** Whose child the container's first process becomes; the calling process's if absent. */
  readonly parent?: InitParent;
  /** Told what went wrong and changed nothing: poststop hooks, names of capabilities. A line on standard error if absent. */
  readonly onWarning?: OnWarning;
}

/** A config.json: the text, and what it says. */
export interface ConfigDocument {
  readonly config: RuntimeConfig;
  readonly text: string;
  /** What `linux.seccomp` is to the kernel, `struct sock_filter[]`; absent: it is compiled. Nobody listens to it. */
  readonly program?: Uint8Array;
}

/** A container that is created: its init waits at the gate. Init is a child of the caller, or of the parent that it named, who reaps it. */
export interface CreatedContainer {
  readonly pid: number;
  /** The caller closes it. */
  readonly pidfd: number;
  /** The container's cgroup, as a path below each hierarchy. */
  readonly cgroup: string;
  /** Its directory in each hierarchy, by controller; "" is the unified one. */
  readonly cgroupPaths: CgroupPaths;
  /** How many records the plan has. */
  readonly systemCalls: number;
  /** Counted when it is asked for. */
  planDigest(): string;
  /** New namespaces, by the names of config.json. */
  readonly namespaces: readonly string[];
}

/** config.json of the bundle is missing or cannot be read. */
export class NoConfig extends TeuError<"no-config", { path: string }> {
  constructor(context: { path: string }, cause: unknown) {
    super("no-config", "not-found", context, `JSON specification file ${context.path} not found`, { cause });
  }
}

/**
 * Creates a container. Synchronous: the runtime does one thing at a time.
 * @throws {TeuError} What failed, with the field of config.json that asked for it; nothing is left behind.
 */
export function createContainer(options: CreateOptions): CreatedContainer {
  const bundle = realpathSync(options.bundle);
  const { config: document, text: configText } = options.document ?? readDocument(bundle, options.configFile);
  checkConfig(document);
  checkConsole(document.process ?? {}, options);
  warnOfCapabilities(document.process?.capabilities, options.onWarning);
  const layout = readCgroupLayout();
  const unit = options.planUnit?.(document, options.containerID, layout);
  const planned = options.withoutCgroup
    ? planNoCgroup(document.linux)
    : planCgroup(unit?.linux ?? document.linux, options.containerID, layout);
  const resctrl = planResctrl(document.linux?.intelRdt, options.containerID);
  const undo: (() => void)[] = [];
  using opened = new DisposableStack();
  const { rootless } = options;
  const streams = document.process?.terminal ? [] : streamNames(options.stdio);
  const resolved = { ...options, bundle, streams };
  try {
    const directory = claimState(options.root, options.containerID);
    undo.push(() => removeSync(directory));
    const { cgroupsPath } = unit?.linux ?? document.linux ?? {};
    if (cgroupsPath) naming("linux.cgroupsPath", () => noteCgroupsPath(directory, cgroupsPath));
    const config = options.amend?.(document, directory) ?? document;
    const compiled = compileFor(config, resolved, directory, layout, planned);
    makeFifos(directory);
    const console =
      options.consoleSocket === undefined ? undefined : openConsoleSocket(options.consoleSocket);
    if (unit !== undefined) {
      undo.push(() => unit.stop());
      unit.start();
    }
    const cgroup = createCgroupOrNone(planned, config.linux, { rootless, isUnit: unit !== undefined });
    undo.push(() => removeCgroup(cgroup.paths));
    const group = resctrl && createResctrl(resctrl);
    if (group !== undefined) undo.push(() => removeResctrl(group));
    const plan = cgroup === planned ? compiled : compileFor(config, resolved, directory, layout, cgroup);
    delegateCgroup(cgroup.paths, cgroupOwner(config));
    attachDevicesIfAllowed(cgroup, rootless);
    const [first, limits] = partition(cgroup.limits, precedesJoin);
    writeAllToCgroup(first);
    const init = start(plan, options, cgroup);
    undo.push(() => killInit(init));
    let pid = init.pid;
    try {
      unit?.handOver(init.pid, cgroup.paths);
      // While init works, so do we: nothing that it does before the gate depends on its other limits.
      writeAllToCgroup(limits);
      const execRecord = plan.rest?.().execRecord ?? -1;
      const context = hostContext({
        ...{ config, configText, plan, execRecord, directory, cgroup, console, group, undo, opened },
        options: resolved,
        unit: unit?.name,
      });
      pid = conduct(plan, config, init, (step, said, about) => perform(context, step, said, about));
    } finally {
      syscall("close", init.socket);
    }
    return describe(init, pid, plan, config, cgroup);
  } catch (error) {
    const words = "container init was OOM-killed (memory limit too low?)";
    throw rollBack(undo, explainDeath(error, planned.paths, words));
  }
}

/** The plan, and the filter that it loads. */
type Compiled = CreatePlan & { readonly filter?: SeccompPlan };

/** What has been made by the time that init starts. */
interface Made {
  readonly config: RuntimeConfig;
  readonly configText: string;
  readonly options: Resolved;
  readonly plan: Compiled;
  readonly execRecord: number;
  readonly directory: string;
  readonly cgroup: CgroupPlan;
  readonly unit: string | undefined;
  readonly group: ResctrlGroup | undefined;
  /** Takes the terminal's master; absent: the caller does. */
  readonly console: number | undefined;
  readonly undo: (() => void)[];
  readonly opened: DisposableStack;
}

/** What the host steps do it with. What they change is taken back by `undo`. */
function hostContext(made: Made): HostContext {
  const { config, options, plan, console, undo, opened } = made;
  const container = { id: options.containerID, bundle: options.bundle };
  const { hooks } = config;
  return {
    config,
    process: config.process,
    onMaster: (master) => (console === undefined ? options.onConsole?.(master) : sendMaster(console, master)),
    rest: plan.rest ?? (() => undefined),
    onNetDevices: (socket) => {
      const moved = opened.use(new MovedDevices(socket));
      undo.push(() => moved.moveBack());
      moved.move(config.linux?.netDevices ?? {});
    },
    stateOf: (pid) => ociState(container, config, "creating", pid),
    onHooks: (names, pid) => {
      // From here on something may have to be taken back. Source: runtime.md, Lifecycle.
      undo.unshift(() =>
        runPoststopHooks(
          hooks?.poststop,
          ociState(container, config, "stopped"),
          options.onWarning ?? printWarning,
        ),
      );
      const state = ociState(container, config, "creating", pid);
      for (const name of names) runHooks(name, hooks?.[name], state);
    },
    onCreated: (pid, segment) => {
      if (made.group !== undefined) enterResctrl(made.group, pid);
      save(made, pid, segment);
    },
  };
}

/** What a bundle has to satisfy before anything is made of it. @throws {TeuError} what is wrong with it */
export function checkConfig(config: RuntimeConfig): void {
  validateConfig(config);
  if (isRootless()) validateRootless(config, { gid: process.getegid?.() ?? 0 });
  refuseForKernel(config.process ?? {}, config.linux);
  refuseUnsupported(config);
}

function readDocument(bundle: string, file: string | undefined): ConfigDocument {
  const text = readConfig(bundle, file);
  return { config: parseRuntimeConfig(text), text };
}

/** The text of config.json. @throws {NoConfig} */
export function readConfig(bundle: string, file = "config.json"): string {
  const path = resolvePath(bundle, file);
  try {
    return readTextSync(path);
  } catch (error) {
    throw new NoConfig({ path }, error);
  }
}

type Resolved = CreateOptions & {
  readonly bundle: string;
  /** What the standard streams are, by the kernel's names; none where the process has a terminal. */
  readonly streams: readonly string[];
};

function compileFor(
  config: RuntimeConfig,
  options: Resolved,
  directory: string,
  layout: CgroupLayout,
  cgroup: CgroupPlan,
): Compiled {
  const { containerID, bundle } = options;
  const { noPivot = false, noNewKeyring = false, preserveFds = 0, dieWithParent = false } = options;
  const choices = {
    containerID,
    bundle,
    stateDirectory: directory,
    noPivot,
    noNewKeyring,
    preserveFds,
    nullStreams: [0, 1, 2].filter((stream) => options.streams[stream] === "/dev/null"),
    dieWithParent,
    program: options.document?.program,
  };
  const world = lookUp(config, choices, layout, cgroup);
  return { ...compileCreate(config, world), ...(world.seccomp && { filter: world.seccomp }) };
}

/** exec.fifo is the gate; started.fifo tells `start` that exec happened, or why not. */
function makeFifos(directory: string): void {
  for (const name of ["exec.fifo", "started.fifo"]) {
    const path = `${directory}/${name}`;
    check(syscall("mknodat", AT_FDCWD, cString(path), S_IFIFO | 0o600, 0), "mknodat", path);
  }
}

function start(plan: CreatePlan, { stdio, parent }: CreateOptions, cgroup: CgroupPlan): Launched {
  const { cloneFlags } = plan;
  const { directory: path } = cgroup.join;
  const directory = path === undefined ? undefined : openSync(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  try {
    return launch(plan, {
      ...{ stdio, cloneFlags, parent, meanwhile: () => compileRest(plan) },
      ...(directory !== undefined && { cgroup: directory }),
    });
  } catch (error) {
    throw nameClone(error, cloneFlags, directory !== undefined);
  } finally {
    if (directory !== undefined) closeSync(directory);
  }
}

/** It is kept until it is asked for. */
function compileRest({ rest }: CreatePlan): void {
  try {
    rest?.();
  } catch {
    // It throws again where it is asked for, and what has been made is taken back.
  }
}

/** What the clone of init failed for: the namespaces, or the cgroup that it is born into. The errnos are clone(2)'s. */
function nameClone(error: unknown, cloneFlags: number, intoCgroup: boolean): unknown {
  if (!(error instanceof SystemCallFailed) || error.context.call !== "clone3") return error;
  const isCgroups = intoCgroup && ["EBUSY", "EOPNOTSUPP", "ENODEV", "EACCES"].includes(error.context.errno);
  if (isCgroups) return new StepFailed("linux.cgroupsPath", error);
  const isNamespaces =
    cloneFlags !== 0 && ["EPERM", "ENOSPC", "EUSERS", "EINVAL"].includes(error.context.errno);
  return isNamespaces ? new StepFailed("linux.namespaces", error) : error;
}

/** Makes the container visible. */
function save(made: Made, pid: number, segment: number): void {
  const { config, configText, options, cgroup, unit, group } = made;
  const { bundle, containerID, noNewKeyring, streams } = options;
  const later = laterHooks(config);
  if (made.plan.filter !== undefined) saveFilter(made.directory, made.plan.filter);
  saveState(made.directory, {
    ociVersion: config.ociVersion,
    id: containerID,
    pid,
    startTime: startTimeOf(pid) ?? "",
    bundle,
    rootfs: resolvePath(bundle, config.root?.path ?? "rootfs"),
    created: new Date().toISOString(),
    owner: process.getuid?.() ?? 0,
    exec: { segment, record: made.execRecord },
    cgroupPaths: cgroup.paths,
    ...(unit !== undefined && { unit }),
    ...(group !== undefined && { resctrl: group }),
    ...(noNewKeyring && { noNewKeyring: true }),
    ...(streams.length > 0 && { descriptors: streams }),
    ...(later.length > 0 && { laterHooks: later }),
    configText,
  });
}

/** The kinds of hooks that run after create, those that there are. */
export function laterHooks({ hooks }: RuntimeConfig): HookName[] {
  return (["poststart", "poststop"] as const).filter((name) => hooks?.[name]?.length);
}

function partition<T>(list: readonly T[], test: (element: T) => boolean): [T[], T[]] {
  return [list.filter(test), list.filter((element) => !test(element))];
}

/** The first stage of a user namespace has left: it is reaped here, and PID 1 gets a descriptor of its own. */
function describe(
  init: Launched,
  pid: number,
  plan: CreatePlan,
  config: RuntimeConfig,
  cgroup: CgroupPlan,
): CreatedContainer {
  let { pidfd } = init;
  if (pid !== init.pid) {
    init.parent.reap(init.pid);
    syscall("close", pidfd);
    pidfd = check(syscall("pidfd_open", pid, 0), "pidfd_open", String(pid));
  }
  return {
    pid,
    pidfd,
    cgroup: Object.values(cgroup.paths)[0] ?? "",
    cgroupPaths: cgroup.paths,
    systemCalls: plan.count + (plan.rest?.().count ?? 0),
    planDigest: () => digestOfPlan(plan),
    namespaces: (config.linux?.namespaces ?? []).map(({ type }) => type),
  };
}

function killInit({ pid, pidfd, parent }: Launched): void {
  syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
  parent.reap(pid);
  syscall("close", pidfd);
}

/** What create would do with the bundle, and nothing of it done. @throws {TeuError} As create does for the document. */
export function planContainer(options: Omit<CreateOptions, "stdio">): CreatePlan {
  return planWithCgroup(options).plan;
}

/** The same, with the document and its cgroups. @throws {TeuError} As create does for the document. */
export function planWithCgroup(options: Omit<CreateOptions, "stdio">): {
  readonly plan: CreatePlan;
  readonly cgroup: CgroupPlan;
  readonly config: RuntimeConfig;
} {
  const bundle = realpathSync(options.bundle);
  const config = parseRuntimeConfig(readConfig(bundle));
  checkConfig(config);
  const layout = readCgroupLayout();
  const unit = options.planUnit?.(config, options.containerID, layout);
  const cgroup = planCgroup(unit?.linux ?? config.linux, options.containerID, layout);
  const directory = stateDirectory(options.root, options.containerID);
  const resolved: Resolved = { ...options, bundle, stdio: [0, 1, 2], streams: [] };
  return { plan: compileFor(config, resolved, directory, layout, cgroup), cgroup, config };
}
