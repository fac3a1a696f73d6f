/**
 * Opens the gate: the one byte that init waits for, and then the news whether exec happened.
 * Source: runtime-spec runtime.md, Start.
 */
import { TeuError } from "../../base/index.ts";
import {
  check,
  closeSync,
  errno,
  errnoName,
  errnoOf,
  errnoSentence,
  O,
  openSync,
  removeSync,
  renameSync,
  syscall,
  writeSync,
} from "../../sys/index.ts";
import { SIGKILL } from "../compile/constants.ts";
import { openInit } from "../kill.ts";
import { ociState } from "../oci-state.ts";
import { loadState, type SavedState, savedConfig, startTimeOf, stateDirectory } from "../state.ts";
import { decodeMessage, type Failure, type HookSaid, MAX_MESSAGE_BYTES } from "./dialogue.ts";
import { ProgramNotRunnable } from "./errors.ts";
import { hookFailure, runHooks } from "./hooks.ts";

/** The container is not waiting to be started. The sentences are runc's. */
export class CannotStart extends TeuError<"cannot-start", { id: string; status: "running" | "stopped" }> {
  constructor(context: { id: string; status: "running" | "stopped" }) {
    const why =
      context.status === "running"
        ? "cannot start an already running container"
        : "cannot start a container that has stopped";
    super("cannot-start", "failed-precondition", context, why);
  }
}

/** init failed between the gate and exec. */
export class StartFailed extends TeuError<"start-failed", { id: string; errno: string; sentence: string }> {
  constructor(context: { id: string; errno: string; sentence: string }) {
    super(
      "start-failed",
      "failed-precondition",
      context,
      `Cannot start container ${JSON.stringify(context.id)}: its init failed before exec: ${context.sentence}`,
    );
  }
}

/**
 * Starts a created container and returns when its program runs and its poststart hooks have run.
 * @throws {ContainerNotFound} {CannotStart} {ProgramNotRunnable} {StartFailed} {HookFailed}
 */
export function startContainer(root: string, containerID: string): void {
  const state = loadState(root, containerID);
  const directory = stateDirectory(root, containerID);
  const claimed = claimGate(directory, () => {
    const status = startTimeOf(state.pid) === state.startTime ? "running" : "stopped";
    return new CannotStart({ id: containerID, status });
  });
  const started = openSync(`${directory}/started.fifo`, O.RDONLY | O.NONBLOCK);
  try {
    openGate(claimed, containerID);
    const failed = awaitExec(started);
    if (failed === undefined) {
      runPoststartHooks(state);
      return;
    }
    if (failed.kind === "hook") throw hookFailure(failed, savedConfig(state).hooks);
    // After the gate only the filter and exec itself are left to fail.
    if (failed.segment === state.exec.segment && failed.record === state.exec.record)
      throw new ProgramNotRunnable(savedConfig(state).process?.args?.[0] ?? "", failed.errno, "execve");
    throw new StartFailed({
      id: containerID,
      errno: errnoName(failed.errno),
      sentence: errnoSentence(failed.errno),
    });
  } finally {
    closeSync(started);
    removeSync(claimed);
  }
}

/** If one fails, the container is stopped. Source: runtime.md, Lifecycle: poststart. */
function runPoststartHooks(state: SavedState): void {
  if (!state.laterHooks?.includes("poststart")) return;
  const config = savedConfig(state);
  try {
    runHooks("poststart", config.hooks?.poststart, ociState(state, config, "running", state.pid));
  } catch (error) {
    const pidfd = openInit(state);
    if (pidfd !== undefined) {
      syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
      syscall("close", pidfd);
    }
    throw error;
  }
}

/** Of several starts at once one gets the gate. */
function claimGate(directory: string, refusal: () => CannotStart): string {
  const claimed = `${directory}/exec.fifo.claimed`;
  try {
    renameSync(`${directory}/exec.fifo`, claimed);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    throw refusal();
  }
  return claimed;
}

const POLLIN = 1;

/** init reads the fifo as long as it lives: without a reader it is dead. */
function openGate(path: string, id: string): void {
  let gate: number;
  try {
    gate = openSync(path, O.WRONLY | O.NONBLOCK);
  } catch (error) {
    if (errnoOf(error) !== "ENXIO") throw error;
    throw new CannotStart({ id, status: "stopped" });
  }
  try {
    writeSync(gate, "\0");
  } finally {
    closeSync(gate);
  }
}

/** Waits until init's end of the fifo closes: empty, by exec; or after a failure. */
function awaitExec(started: number): Failure | HookSaid | undefined {
  const waited = Int32Array.of(started, POLLIN);
  let ready: number;
  do ready = syscall("ppoll", waited, 1, 0, 0);
  while (ready === -errno.EINTR);
  check(ready, "ppoll");
  const bytes = new Uint8Array(MAX_MESSAGE_BYTES);
  if (check(syscall("read", started, bytes, bytes.length), "read") === 0) return undefined;
  const said = decodeMessage(bytes);
  return said.kind === "fail" || said.kind === "hook" ? said : undefined;
}
