/**
 * Signals to a container. The process is addressed by a descriptor that is checked after it was opened: a pid alone
 * may by now be another process's.
 * Source: runtime-spec runtime.md, kill.
 */
import { TeuError } from "../base/index.ts";
import { check, errno, existsSync, parseSignalNumber, syscall } from "../sys/index.ts";
import { isFrozen, thaw } from "./cgroup/freezer.ts";
import { cgroupPids, killCgroup, signalCgroup } from "./cgroup/processes.ts";
import { loadState, type SavedState, savedConfig, startTimeOf, stateDirectory } from "./state.ts";

/** The container's process has ended. The words are runc's: containerd looks for them. */
export class ContainerNotRunning extends TeuError<"container-not-running", { id: string }> {
  constructor(context: { id: string }) {
    super("container-not-running", "failed-precondition", context, "container not running");
  }
}

/** Neither a name nor a number of a signal. */
export class UnknownSignal extends TeuError<"unknown-signal", { signal: string }> {
  constructor(context: { signal: string }) {
    super("unknown-signal", "invalid", context, `unknown signal ${JSON.stringify(context.signal)}`);
  }
}

const SIGKILL = 9;

/** `TERM`, `SIGTERM`, `sigterm` and `15` → 15; 0, which only asks whether it is there, is one too. @throws {UnknownSignal} */
export function parseSignal(text: string): number {
  if (text === "0") return 0;
  const number = parseSignalNumber(text);
  if (number === undefined) throw new UnknownSignal({ signal: text });
  return number;
}

/** A descriptor of the container's init; undefined when it has ended. The caller closes it. */
export function openInit({ pid, startTime }: SavedState): number | undefined {
  const pidfd = syscall("pidfd_open", pid, 0);
  if (pidfd === -errno.ESRCH) return undefined;
  check(pidfd, "pidfd_open");
  if (startTimeOf(pid) === startTime) return pidfd;
  syscall("close", pidfd);
  return undefined;
}

/**
 * Sends `signal` to the container's init, or with `all` to every process of it.
 * @throws {ContainerNotFound} {ContainerNotRunning} unless `all`, which finds nothing to do then
 */
export function killContainer(
  root: string,
  containerID: string,
  signal: number,
  options: { all?: boolean } = {},
): void {
  const state = loadState(root, containerID);
  const pidfd = openInit(state);
  try {
    // Without a PID namespace of its own the container may outlive its init.
    if (options.all) signalCgroup(state.cgroupPaths, signal);
    else if (signal === SIGKILL && isLeftBehind(state)) killCgroup(state.cgroupPaths);
    else if (pidfd === undefined) throw new ContainerNotRunning({ id: containerID });
    else signalInit(root, state, pidfd, signal);
  } finally {
    if (pidfd !== undefined) syscall("close", pidfd);
  }
}

/** Whether processes of the container run that do not end with its init: where init is no PID 1 of its own, the kernel leaves them. */
function isLeftBehind(state: SavedState): boolean {
  return !hasOwnPids(state) && cgroupPids(state.cgroupPaths).length > 0;
}

function signalInit(root: string, state: SavedState, pidfd: number, signal: number): void {
  const result = syscall("pidfd_send_signal", pidfd, signal, 0, 0);
  if (result === -errno.ESRCH) throw new ContainerNotRunning({ id: state.id });
  check(result, "pidfd_send_signal");
  // Before its program is there nothing handles a signal, and a PID 1 ends by no other that nothing handles. runc's ends by these.
  if (ENDING.includes(signal) && isAtGate(root, state)) syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
  // A process in the v1 freezer dies only when it is let go.
  if (signal === SIGKILL && isFrozen(state.cgroupPaths)) thaw(state.cgroupPaths);
}

const [SIGHUP, SIGINT, SIGQUIT, SIGTERM] = [1, 2, 3, 15];
/** By which people and callers end what runs. */
const ENDING = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

function isAtGate(root: string, { id }: SavedState): boolean {
  return existsSync(`${stateDirectory(root, id)}/exec.fifo`);
}

function hasOwnPids(state: SavedState): boolean {
  const { linux } = savedConfig(state);
  return linux?.namespaces?.some(({ type, path }) => type === "pid" && !path) ?? false;
}
