/** Removing what create made, once nothing runs in it any more. Source: runtime-spec runtime.md, delete. */
import { hasCode, TeuError } from "../base/index.ts";
import { existsSync, removeSync, syscall } from "../sys/index.ts";
import { readCgroupLayout } from "./cgroup/layout.ts";
import { cgroupPaths } from "./cgroup/path.ts";
import { killCgroup } from "./cgroup/processes.ts";
import { removeCgroup } from "./cgroup/remove.ts";
import { openInit } from "./kill.ts";
import { runPoststopHooks } from "./machine/hooks.ts";
import { type OnWarning, printWarning } from "./machine/warning.ts";
import { ociState } from "./oci-state.ts";
import { removeResctrl } from "./resctrl/group.ts";
import { loadState, notedCgroupsPath, type SavedState, savedConfig, stateDirectory } from "./state.ts";
import { statusOf } from "./status.ts";

/** The container still runs. The words are runc's. */
export class ContainerNotStopped extends TeuError<"container-not-stopped", { id: string; status: string }> {
  constructor(context: { id: string; status: string }) {
    super(
      "container-not-stopped",
      "failed-precondition",
      context,
      `cannot delete container ${context.id} that is not stopped: ${context.status}`,
    );
  }
}

/** The container was killed and still has not ended. The words are runc's. */
export class InitStillRunning extends TeuError<"init-still-running", { id: string }> {
  constructor(context: { id: string }) {
    super("init-still-running", "failed-precondition", context, "container init still running");
  }
}

/** How to delete. */
export interface DeleteOptions {
  /** Any container, whatever its status; none is no failure. */
  readonly force?: boolean;
  /** As in its config.json: where the cgroups are of a create that was killed before it could save a state. */
  readonly cgroupsPath?: string;
  /** Stops a container's unit; without it an empty one is left to systemd, which then ends it. */
  readonly stopUnit?: (unit: string) => void;
  /** Told of poststop hooks that fail; by default a line on standard error. */
  readonly onWarning?: OnWarning;
}

/**
 * Deletes a stopped or created container; with `force` any. Its poststop hooks run when all else is gone.
 * @throws {ContainerNotFound} {ContainerNotStopped} {InitStillRunning} {CgroupsNotRemoved}
 */
export function deleteContainer(root: string, containerID: string, options: DeleteOptions = {}): void {
  let state: SavedState;
  try {
    state = loadState(root, containerID);
  } catch (error) {
    if (!hasCode(error, "container-not-found")) throw error;
    // A create that was killed early leaves a directory without state.json, and cgroups.
    if (options.cgroupsPath !== undefined) endCgroup(options.cgroupsPath, containerID);
    else removeClaim(root, containerID);
    removeSync(stateDirectory(root, containerID));
    if (options.force) return;
    throw error;
  }
  if (!options.force) refuseRunning(root, state);
  end(state);
  if (state.unit !== undefined) options.stopUnit?.(state.unit);
  removeCgroup(state.cgroupPaths);
  if (state.resctrl !== undefined) removeResctrl(state.resctrl);
  removeSync(stateDirectory(root, containerID));
  if (!state.laterHooks?.includes("poststop")) return;
  const config = savedConfig(state);
  runPoststopHooks(
    config.hooks?.poststop,
    ociState(state, config, "stopped"),
    options.onWarning ?? printWarning,
  );
}

function refuseRunning(root: string, state: SavedState): void {
  const status = statusOf(root, state);
  if (status !== "stopped" && status !== "created") throw new ContainerNotStopped({ id: state.id, status });
}

/** Its init has ended with create, or is about to; nobody is killed, since what was claimed may be another's. */
function removeClaim(root: string, containerID: string): void {
  const directory = stateDirectory(root, containerID);
  if (!existsSync(directory)) return;
  const cgroupsPath = notedCgroupsPath(directory);
  const paths = cgroupPaths(readCgroupLayout(), cgroupsPath, containerID);
  removeCgroup(paths, { isBare: true });
}

function endCgroup(cgroupsPath: string, containerID: string): void {
  const paths = cgroupPaths(readCgroupLayout(), cgroupsPath, containerID);
  killCgroup(paths);
  removeCgroup(paths);
}

const SIGKILL = 9;
const POLLIN = 1;
const WAIT_SECONDS = 10n;

/** Ends init and whatever else is in the cgroups: without a PID namespace of its own the container may outlive its init. */
function end(state: SavedState): void {
  const pidfd = openInit(state);
  try {
    if (pidfd !== undefined) syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
    killCgroup(state.cgroupPaths);
    if (pidfd !== undefined && !hasEnded(pidfd)) throw new InitStillRunning({ id: state.id });
  } finally {
    if (pidfd !== undefined) syscall("close", pidfd);
  }
}

/** Waits until the process behind `pidfd` is gone or a zombie. */
function hasEnded(pidfd: number): boolean {
  const waited = Int32Array.of(pidfd, POLLIN);
  return syscall("ppoll", waited, 1, BigInt64Array.of(WAIT_SECONDS, 0n), 0) === 1;
}
