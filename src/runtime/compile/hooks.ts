/**
 * Hooks that run in the container's namespaces: createContainer before the root is changed, so that their paths are
 * the host's, startContainer after the gate, with paths of the container. init runs them itself: each is cloned, gets
 * the state on its standard input, and is killed when its time is over. What it did wrong goes to the parent, or to
 * `start`, as one message.
 * Source: runtime-spec config.md, POSIX-platform hooks; runtime.md, State and Lifecycle; clone(2), pidfd_open(2).
 */

import { type Hook, hookNames, type RuntimeState } from "../../spec/index.ts";
import { byteLength } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { DataRef, REPORT, type Register } from "../plan/plan.ts";
import { ALL, CLOSE_RANGE_CLOEXEC, SIGKILL } from "./constants.ts";
import { close, ROOT, type SeccompPlan, T1, T2, T3, T4, T5, T6 } from "./context.ts";
import { compileSeccompFilter } from "./seccomp.ts";

/** The kinds that init runs. */
export type ContainerHookName = "createContainer" | "startContainer";

/** `struct message` of init.c with kind HOOK; after its four values comes what the hook has printed. */
export const MESSAGE_HOOK = 4;
/** values: how it ended (0: with a status), with what number, and how much it printed on each of its two streams. */
export const HOOK_TIMED_OUT = 1;
export const HOOK_NOT_RUN = 2;
/** As much of each stream as is told. With the message it is less than a pipe takes at once. */
export const HOOK_OUTPUT_BYTES = 2000;
export const HOOK_MESSAGE_BYTES: number = 48 + 2 * HOOK_OUTPUT_BYTES;
const CODE_AT = 12;
const VALUES_AT = 16;
const OUTPUT_AT = 48;

/** Which hook a message is about, as its code. */
export function hookCode(name: ContainerHookName, index: number): number {
  return (hookNames.indexOf(name) << 16) | index;
}

/** Where the parent writes the container's pid, as text: digits, then blanks, which JSON allows there. */
export const PID_TEXT_BYTES = 8;

/** Room for the pid that hooks in the container are told. Source: runtime.md, State: it is the one that the container sees. */
export function reservePidText(plan: PlanBuilder): DataRef {
  return plan.reserve(PID_TEXT_BYTES, "the pid that the container sees");
}

const CLONE_PIDFD = 0x1000;
const SIGCHLD = 17;
const MFD_CLOEXEC = 1;
const FIRST_INHERITED = 3;
const STREAMS = [T1, T2, T3] as const;
const POLLIN = 1n;
const POLLHUP = 0x10n;
/** `struct pollfd`: the descriptor, events, revents. */
const POLLFD_BYTES = 8;
const REVENTS_AT = 6;
const CREATE_UMASK = 0o022;
/** How many signals may interrupt one wait. */
const INTERRUPTIONS = 1000;

/** Runs `hooks` in order; the first that fails is the last. */
export function compileHooks(
  plan: PlanBuilder,
  name: ContainerHookName,
  hooks: readonly Hook[],
  about: {
    /** As far as it is known; its pid is what stands in `pid`. */
    readonly state: Omit<RuntimeState, "pid">;
    readonly pid: DataRef;
    /** The environment of a hook that has none of its own. */
    readonly environment: DataRef;
    /** Loaded by each before it runs: what is found in the container may do no more than the container. */
    readonly filter?: SeccompPlan | undefined;
  },
): void {
  if (hooks.length === 0) return;
  const state = compileState(plan, about.state, about.pid);
  hooks.forEach((hook, index) => {
    plan.section(`hooks.${name}[${index}] ${hook.path}`, "config.md, POSIX-platform Hooks");
    compileHook(plan, name, hook, { ...about, code: hookCode(name, index), state });
  });
}

/** `struct iovec[3]`: the state before, at and after the pid. */
function compileState(plan: PlanBuilder, state: Omit<RuntimeState, "pid">, pid: DataRef): DataRef {
  const { ociVersion, id, status, ...rest } = state;
  const before = `${JSON.stringify({ ociVersion, id, status }).slice(0, -1)},"pid":`;
  const after = `,${JSON.stringify(rest).slice(1)}`;
  const vectors = [plan.text(before), byteLength(before), pid, PID_TEXT_BYTES];
  return plan.words([...vectors, plan.text(after), byteLength(after)], "the state");
}

function compileHook(
  plan: PlanBuilder,
  name: ContainerHookName,
  hook: Hook,
  {
    code,
    state,
    environment,
    filter,
  }: { code: number; state: DataRef; environment: DataRef; filter?: SeccompPlan | undefined },
): void {
  const [child, again, late, alone, reap, failed, done] = [
    plan.label(),
    plan.label(),
    plan.label(),
    plan.label(),
    plan.label(),
    plan.label(),
    plan.label(),
  ];
  const message = plan.shared("hook", [], () => reserveMessage(plan));
  // Files, not pipes: nobody has to read or write while the hook runs, and an unread state is no broken pipe.
  for (const stream of STREAMS)
    plan.call("memfd_create", [plan.text("hook"), MFD_CLOEXEC], { result: stream });
  plan.call("writev", [T1, state, 3]);
  plan.call("lseek", [T1, 0, 0]);
  plan.store(new DataRef(message.offset + CODE_AT), 4, code);
  const pidfd = plan.shared("hook pidfd", [], () => plan.reserve(8, "pidfd"));
  // clone, not clone3: a filter that is loaded by now can look into its flags, and many refuse the other.
  plan.call("clone", [CLONE_PIDFD | SIGCHLD, 0, pidfd], { result: T4 });
  plan.jump(child, T4, ALL, "==", 0n);

  plan.load(T5, pidfd, 4);
  // Beside the hook the parent is watched: nobody waits for the rest of create when it is gone.
  const polled = plan.shared("hook poll", [], () =>
    plan.words([POLLIN << 32n, 0], "{pidfd, POLLIN}, {parent}"),
  );
  plan.store(polled, 4, T5);
  plan.store(new DataRef(polled.offset + POLLFD_BYTES), 4, REPORT);
  // The kernel writes the rest of the time into it, so an interrupted wait goes on and does not begin anew.
  const limit = hook.timeout === undefined ? 0 : plan.words([hook.timeout, 0], `{${hook.timeout} s}`);
  plan.addFuel(2 * INTERRUPTIONS);
  plan.place(again);
  plan.call("ppoll", [polled, 2, limit, 0, 0], { result: T6, on: { EINTR: again } });
  plan.jump(late, T6, ALL, "==", 0n);
  plan.load(T6, new DataRef(polled.offset + POLLFD_BYTES + REVENTS_AT), 2);
  plan.jump(alone, T6, POLLHUP, "==", POLLHUP);
  const status = plan.shared("hook status", [], () => plan.reserve(8, "status"));
  plan.place(reap);
  plan.call("wait4", [T4, status, 0, 0], { on: { EINTR: reap } });
  plan.load(T6, status, 4);
  close(plan, T5);
  plan.jump(done, T6, ALL, "==", 0n);
  storeValue(plan, message, 1, T6);
  plan.place(failed);
  report(plan, message);
  plan.place(done);
  for (const stream of STREAMS) close(plan, stream);
  plan.addFuel(1);
  plan.later(() => {
    // Whatever its status is by now: it was late.
    plan.place(late);
    plan.call("kill", [T4, SIGKILL]);
    plan.call("wait4", [T4, 0, 0, 0], { on: { "*": "next" } });
    storeValue(plan, message, 0, HOOK_TIMED_OUT);
    plan.goto(failed);
    plan.place(alone);
    plan.call("kill", [T4, SIGKILL]);
    plan.exit(1);
    plan.place(child);
    compileChild(plan, name, hook, { message, environment, filter });
  });
}

/** Becomes the hook. Whatever else is open closes as it does. */
function compileChild(
  plan: PlanBuilder,
  name: ContainerHookName,
  hook: Hook,
  {
    message,
    environment,
    filter,
  }: { message: DataRef; environment: DataRef; filter: SeccompPlan | undefined },
): void {
  for (const [number, stream] of STREAMS.entries()) plan.call("dup3", [stream, number, 0]);
  plan.call("close_range", [FIRST_INHERITED, 0xffff_ffff, CLOSE_RANGE_CLOEXEC]);
  if (name === "createContainer") {
    plan.call("umask", [CREATE_UMASK]);
    plan.call("fchdir", [ROOT]);
  }
  const args = hook.args?.length ? hook.args : [hook.path];
  const argv = plan.strings(args, JSON.stringify(args));
  const env = hook.env?.length ? plan.strings(hook.env, `${hook.env.length} variables`) : environment;
  if (filter !== undefined) compileSeccompFilter(plan, filter);
  plan.call("execve", [plan.text(hook.path), argv, env], { result: T6, on: { "*": "next" } });
  storeValue(plan, message, 0, HOOK_NOT_RUN);
  storeValue(plan, message, 1, T6);
  plan.call("write", [REPORT, message, HOOK_MESSAGE_BYTES], { on: { "*": "next" } });
  plan.exit(1);
}

/** The last words of init: how the hook ended and what it printed. */
function report(plan: PlanBuilder, message: DataRef): void {
  for (const [number, stream] of [T2, T3].entries()) {
    const at = new DataRef(message.offset + OUTPUT_AT + number * HOOK_OUTPUT_BYTES);
    plan.call("pread64", [stream, at, HOOK_OUTPUT_BYTES, 0], { result: T6 });
    storeValue(plan, message, 2 + number, T6);
  }
  plan.call("write", [REPORT, message, HOOK_MESSAGE_BYTES], { on: { "*": "next" } });
  plan.exit(1);
}

function storeValue(plan: PlanBuilder, message: DataRef, index: number, value: number | Register): void {
  plan.store(new DataRef(message.offset + VALUES_AT + 8 * index), 8, value);
}

function reserveMessage(plan: PlanBuilder): DataRef {
  const bytes = new Uint8Array(HOOK_MESSAGE_BYTES);
  bytes[0] = MESSAGE_HOOK;
  return plan.bytes(bytes, "what became of the hook");
}
