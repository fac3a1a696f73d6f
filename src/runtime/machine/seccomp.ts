/**
 * Where the descriptor of a filter's listener goes.
 * Source: runtime-spec config-linux.md, Seccomp, the container process state; seccomp(2), pidfd_getfd(2).
 */
import { messageOf, TeuError } from "../../base/index.ts";
import type { ContainerProcessState, RuntimeState } from "../../spec/index.ts";
import { check, connectUnix, sendMessage, syscall } from "../../sys/index.ts";
import type { SeccompPlan } from "../compile/context.ts";

/** The agent that a profile names cannot be given the listener. The sentences are runc's. */
export class AgentFailed extends TeuError<"seccomp-agent-failed", { path: string }> {
  constructor(context: { path: string }, words: string, cause: unknown) {
    super("seccomp-agent-failed", "unavailable", context, `${words}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Hands descriptor `number` of process `pid` to the agent: one message, one connection.
 * @throws {AgentFailed} @throws {SystemCallFailed}
 */
export function sendListener(
  { path, metadata }: NonNullable<SeccompPlan["listener"]>,
  number: number,
  pid: number,
  state: RuntimeState,
): void {
  const descriptor = takeDescriptor(pid, number);
  try {
    const about: ContainerProcessState = {
      ociVersion: state.ociVersion,
      fds: ["seccompFd"],
      pid,
      ...(metadata !== undefined && { metadata }),
      state,
    };
    send(path, new TextEncoder().encode(JSON.stringify(about)), descriptor);
  } finally {
    syscall("close", descriptor);
  }
}

function takeDescriptor(pid: number, number: number): number {
  const pidfd = check(syscall("pidfd_open", pid, 0), "pidfd_open", String(pid));
  try {
    return check(
      syscall("pidfd_getfd", pidfd, number, 0),
      "pidfd_getfd",
      "the listener of the seccomp filter",
    );
  } finally {
    syscall("close", pidfd);
  }
}

function send(path: string, bytes: Uint8Array<ArrayBuffer>, descriptor: number): void {
  let socket: number;
  try {
    socket = connectUnix(path);
  } catch (cause) {
    throw new AgentFailed(
      { path },
      "failed to connect with seccomp agent specified in the seccomp profile",
      cause,
    );
  }
  try {
    // A stream may take a part; the descriptor goes with the first.
    let sent = check(sendMessage(socket, bytes, [descriptor]), "sendmsg");
    while (sent < bytes.length) sent += check(sendMessage(socket, bytes.slice(sent)), "sendmsg");
  } catch (cause) {
    throw new AgentFailed({ path }, `cannot send seccomp fd to ${path}`, cause);
  } finally {
    syscall("close", socket);
  }
}
