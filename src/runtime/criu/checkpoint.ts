/**
 * Checkpoint: CRIU stops a container's processes, saves them as images in a directory, and, unless they are to go on,
 * ends them; then the container is gone, as after delete. Source: runc checkpoint; criu.org, RPC.
 */
import { resolvePath, TeuError } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import {
  check,
  closeSync,
  errnoOf,
  mkdirSync,
  removeSync,
  statSync,
  syscall,
  writeTextSync,
} from "../../sys/index.ts";
import { readCgroupLayout } from "../cgroup/layout.ts";
import { unifiedPath } from "../cgroup/path.ts";
import { withNotifyFolderIfAny } from "../machine/notify.ts";
import { loadState, type SavedState, savedConfig, stateDirectory } from "../state.ts";
import { statusOf } from "../status.ts";
import {
  type CriuChoices,
  configFile,
  DESCRIPTORS_FILE,
  explain,
  LOG_LEVEL,
  openDirectory,
  withWorkDirectory,
} from "./choices.ts";
import { externalFiles, savedStreams } from "./descriptors.ts";
import { CriuLacks } from "./errors.ts";
import { mountsToDump } from "./external-mounts.ts";
import { CGROUP_MODES, type CriuNotify, type CriuOptions } from "./messages.ts";
import { externalNamespaces } from "./namespaces.ts";
import { forgetNotify, saveNotify } from "./notify.ts";
import { callCriu, criuVersion, findCriu, refuseUser, requireFeature } from "./process.ts";

/** What checkpoint is told, beside what restore is told too. */
export interface CheckpointChoices extends CriuChoices {
  /** Images of an earlier pre-dump, from `imagePath` on: memory that is the same is not saved again. */
  readonly parentPath?: string;
  /** Save memory only. */
  readonly preDump: boolean;
  /** Written a NUL when memory can be asked for. */
  readonly statusFd?: number;
  readonly pageServer?: { readonly address: string; readonly port: number };
  readonly more: Pick<CriuOptions, "leave_running" | "tcp_skip_in_flight" | "link_remap">;
}

/** There is nothing to save, or not yet. The words are runc's. */
export class CannotCheckpoint extends TeuError<"cannot-checkpoint", { id: string; status: string }> {
  constructor(context: { id: string; status: string }) {
    super(
      "cannot-checkpoint",
      "failed-precondition",
      context,
      `Container cannot be checkpointed in ${context.status} state`,
    );
  }
}

/** `--parent-path` names no directory of images. The words are runc's. */
export class InvalidParentPath extends TeuError<"invalid-parent-path", { path: string }> {
  constructor(context: { path: string }, words: string, cause?: unknown) {
    super("invalid-parent-path", "invalid", context, words, { cause });
  }
}

/** `--status-fd` cannot be written to. The words are runc's. */
export class InvalidStatusFd extends TeuError<"invalid-status-fd", { descriptor: number }> {
  constructor(context: { descriptor: number }, why: string) {
    super(
      "invalid-status-fd",
      "invalid",
      context,
      `invalid --status-fd argument ${context.descriptor}: ${why}`,
    );
  }
}

const LOG = "dump.log";
/** From here on CRIU tells by a notification that lazy pages can be asked for, instead of writing to a descriptor. */
const TELLS_STATUS = 31_500;
/** From here on CRIU knows the freezer of cgroup v2. */
const FREEZES_V2 = 31_400;

/**
 * Saves the container. Its processes have ended afterwards, unless they were to go on or only memory was saved; to
 * delete it is the caller's.
 * @throws {ContainerNotFound} {CannotCheckpoint} {CriuMissing} {CriuLacks} {CriuFailed}
 */
export function checkpointContainer(root: string, containerID: string, choices: CheckpointChoices): void {
  const state = loadState(root, containerID);
  const status = statusOf(root, state);
  if (status !== "running" && status !== "paused") throw new CannotCheckpoint({ id: containerID, status });
  const { imagePath, parentPath, statusFd } = choices;
  checkParent(imagePath, parentPath);
  if (statusFd !== undefined) checkStatusFd(statusFd);
  refuseUser();
  const directory = stateDirectory(root, containerID);
  const config = withNotifyFolderIfAny(savedConfig(state), directory);
  refuseUnsaved(config);
  const program = findCriu();
  const version = criuVersion(program);
  if (choices.preDump) requireFeature(program, "mem_track", "--pre-dump");
  if (choices.plain.lazy_pages) requireFeature(program, "lazy_pages", "--lazy-pages");
  mkdirSync(imagePath, { recursive: true, mode: 0o700 });
  using opened = new DisposableStack();
  const own = (descriptor: number): number => {
    opened.defer(() => closeSync(descriptor));
    return descriptor;
  };
  const streams = savedStreams(state);
  const opts = {
    images_dir_fd: own(openDirectory(imagePath)),
    ...withWorkDirectory(choices, own),
    ...dumpOptions(state, config, choices, version, streams),
    ...(choices.preDump ? {} : saveFileSystem(state, config, choices, streams)),
  };
  forgetNotify(imagePath);
  if (!choices.preDump) saveNotify(imagePath, directory);
  try {
    callCriu(program, choices.preDump ? "PRE_DUMP" : "DUMP", { opts }, watch(choices, version));
  } catch (error) {
    // Images of a dump that failed are none to restore from.
    removeSync(resolvePath(imagePath, DESCRIPTORS_FILE));
    forgetNotify(imagePath);
    throw explain(error, choices, LOG);
  }
}

function checkParent(imagePath: string, parentPath: string | undefined): void {
  if (parentPath === undefined) return;
  if (parentPath.startsWith("/"))
    throw new InvalidParentPath({ path: parentPath }, "--parent-path must be relative");
  const path = resolvePath(imagePath, parentPath);
  try {
    if (statSync(path).isDirectory) return;
  } catch (error) {
    const why = errnoOf(error) === "ENOENT" ? "no such file or directory" : errnoOf(error);
    throw new InvalidParentPath({ path }, `invalid --parent-path: stat ${path}: ${why}`, error);
  }
  throw new InvalidParentPath({ path }, `invalid --parent-path: stat ${path}: not a directory`);
}

/** What CRIU would leave out without a word. @throws {CriuLacks} */
function refuseUnsaved({ linux = {} }: RuntimeConfig): void {
  const own = (linux.namespaces ?? []).filter(({ path }) => !path).map(({ type }) => type);
  if (!linux.namespaces?.some(({ type }) => type === "mount"))
    throw new CriuLacks({
      what: "linux.namespaces",
      why: "it is the host's mount namespace that would be restored",
    });
  if (Object.keys(linux.netDevices ?? {}).length > 0 && own.includes("network"))
    throw new CriuLacks({
      what: "linux.netDevices",
      why: "devices in a network namespace of the container's own are not saved",
    });
}

const F_GETFL = 3;
const O_ACCMODE = 3;

function checkStatusFd(descriptor: number): void {
  const flags = syscall("fcntl", descriptor, F_GETFL, 0);
  if (flags < 0) throw new InvalidStatusFd({ descriptor }, "bad file descriptor");
  if ((flags & O_ACCMODE) === 0) throw new InvalidStatusFd({ descriptor }, "not writable");
}

/** How the processes are saved. */
function dumpOptions(
  state: SavedState,
  config: RuntimeConfig,
  choices: CheckpointChoices,
  version: number,
  streams: readonly string[],
): Omit<CriuOptions, "images_dir_fd"> {
  const { parentPath, statusFd, pageServer, cgroupsMode, plain, more } = choices;
  const freezer =
    state.cgroupPaths["freezer"] ?? (version >= FREEZES_V2 ? unifiedPath(state.cgroupPaths) : undefined);
  const external = [...externalNamespaces(config, version), ...externalFiles(streams)];
  return {
    ...plain,
    ...more,
    pid: state.pid,
    root: state.rootfs,
    log_level: LOG_LEVEL,
    log_file: LOG,
    notify_scripts: true,
    manage_cgroups: true,
    manage_cgroups_mode: CGROUP_MODES[cgroupsMode],
    orphan_pts_master: true,
    ...configFile(config),
    ...(external.length > 0 && { external }),
    ...(freezer !== undefined && { freeze_cgroup: freezer }),
    ...(parentPath !== undefined && { parent_img: parentPath, track_mem: true }),
    ...(pageServer && { ps: pageServer }),
    ...(statusFd !== undefined && version < TELLS_STATUS && { status_fd: statusFd }),
  };
}

/** What only a whole checkpoint needs; the names of the standard streams lie beside the images. */
function saveFileSystem(
  state: SavedState,
  config: RuntimeConfig,
  { imagePath }: CheckpointChoices,
  streams: readonly string[],
): Pick<CriuOptions, "ext_mnt"> {
  const cgroups = { layout: readCgroupLayout(), paths: state.cgroupPaths };
  const ext_mnt = mountsToDump(config, state.bundle, cgroups, state.pid);
  const path = resolvePath(imagePath, DESCRIPTORS_FILE);
  writeTextSync(path, JSON.stringify(streams), { mode: 0o600 });
  return { ext_mnt };
}

function watch(
  { statusFd }: CheckpointChoices,
  version: number,
): { onNotify(notify: CriuNotify): void; onFirst(): void } {
  let isTold = false;
  return {
    onNotify({ script }) {
      if (script !== "status-ready" || statusFd === undefined || isTold) return;
      isTold = true;
      check(syscall("write", statusFd, new Uint8Array(1), 1), "write", "--status-fd");
      closeSync(statusFd);
    },
    onFirst() {
      // An older CRIU has opened it again by now: who waits for its end must not wait for us.
      if (statusFd === undefined || version >= TELLS_STATUS) return;
      isTold = true;
      closeSync(statusFd);
    },
  };
}
