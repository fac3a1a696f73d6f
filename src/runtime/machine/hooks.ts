/**
 * Hooks that run in the runtime's namespaces: prestart, createRuntime, poststart and poststop; and what any hook that
 * failed is called. A hook gets its own arguments and environment, nothing of ours, and the state on standard input.
 * Source: runtime-spec config.md, POSIX-platform hooks; the sentences are runc's.
 */
import { messageOf, TeuError } from "../../base/index.ts";
import { type Hook, type HookName, type Hooks, hookNames, type RuntimeState } from "../../spec/index.ts";
import {
  check,
  closeSync,
  cString,
  errno,
  errnoSentence,
  existsSync,
  readStartSync,
  reap,
  SystemCallFailed,
  sealedFile,
  spawn,
  syscall,
} from "../../sys/index.ts";
import { SIGKILL } from "../compile/constants.ts";
import { HOOK_NOT_RUN, HOOK_OUTPUT_BYTES, HOOK_TIMED_OUT } from "../compile/hooks.ts";
import type { HookSaid } from "./dialogue.ts";
import type { OnWarning } from "./warning.ts";

/** A hook could not be run, ran too long, or said by its status that it failed. */
export class HookFailed extends TeuError<"hook-failed", { hook: string; path: string; why: string }> {
  constructor(name: HookName, index: number, path: string, why: string, options: { cause?: unknown } = {}) {
    const context = { hook: `hooks.${name}[${index}]`, path, why };
    super(
      "hook-failed",
      "failed-precondition",
      context,
      `error running ${name} hook #${index}: ${why}`,
      options,
    );
  }
}

/** Runs the hooks of one kind in order. @throws {HookFailed} at the first that fails. */
export function runHooks(name: HookName, hooks: readonly Hook[] | undefined, state: RuntimeState): void {
  hooks?.forEach((hook, index) => {
    const why = runHook(hook, state);
    if (why !== undefined) throw new HookFailed(name, index, hook.path, why);
  });
}

/** Runs all hooks, whatever becomes of the ones before. Source: runtime.md, Lifecycle: poststop. */
export function runPoststopHooks(
  hooks: readonly Hook[] | undefined,
  state: RuntimeState,
  onWarning: OnWarning,
): void {
  hooks?.forEach((hook, index) => {
    const why = runHook(hook, state);
    if (why !== undefined) onWarning(new HookFailed("poststop", index, hook.path, why));
  });
}

/** Runs one hook to its end. @returns what went wrong */
function runHook(hook: Hook, state: RuntimeState): string | undefined {
  // Files, not pipes: a hook that reads nothing, prints a lot, or leaves a daemon behind holds nobody up.
  const input = sealedFile("hook", new TextEncoder().encode(JSON.stringify(state)));
  const streams = [input, output(), output()];
  try {
    check(syscall("lseek", input, 0, 0), "lseek");
    const { pid, pidfd } = spawn({
      executable: hook.path,
      argv: hook.args?.length ? hook.args : [hook.path],
      env: hook.env ?? [],
      descriptors: streams,
      directory: existsSync(state.bundle) ? state.bundle : "/",
    });
    const isLate = !endsWithin(pidfd, hook.timeout);
    if (isLate) syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
    syscall("close", pidfd);
    const ended = reap(pid, { wait: true });
    if (isLate) return timeoutWords(hook);
    if (ended === undefined || ended.status === 0) return undefined;
    return endWords(ended.signal ?? 0, ended.status, textOf(streams[1]), textOf(streams[2]));
  } catch (error) {
    if (!(error instanceof SystemCallFailed)) throw error;
    return error.context.call === "execve" ? notRunWords(hook, error.number) : messageOf(error);
  } finally {
    for (const stream of streams) closeSync(stream);
  }
}

const MFD_CLOEXEC = 1;
const POLLIN = 1;

function output(): number {
  return check(syscall("memfd_create", cString("hook"), MFD_CLOEXEC), "memfd_create");
}

/** Whether the process behind `pidfd` ends in time. The kernel counts down in `limit`, also when a signal interrupts. */
function endsWithin(pidfd: number, seconds: number | undefined): boolean {
  const polled = Int32Array.of(pidfd, POLLIN);
  const limit = seconds === undefined ? 0 : BigInt64Array.of(BigInt(seconds), 0n);
  for (;;) {
    const ready = syscall("ppoll", polled, 1, limit, 0, 0);
    if (ready !== -errno.EINTR) return check(ready, "ppoll") > 0;
  }
}

function textOf(descriptor: number | undefined): string {
  if (descriptor === undefined) return "";
  return new TextDecoder().decode(readStartSync(descriptor, HOOK_OUTPUT_BYTES));
}

/** What init said of a hook that it ran. */
export function hookFailure(said: HookSaid, hooks: Hooks | undefined): HookFailed {
  const name = hookNames[said.code >> 16] ?? "createContainer";
  const index = said.code & 0xffff;
  const hook = hooks?.[name]?.[index] ?? { path: "" };
  return new HookFailed(name, index, hook.path, saidWords(said, hook));
}

function saidWords({ ended, number, stdout, stderr }: HookSaid, hook: Hook): string {
  if (ended === HOOK_TIMED_OUT) return timeoutWords(hook);
  if (ended === HOOK_NOT_RUN) return notRunWords(hook, -number);
  return endWords(number & 0x7f, (number >> 8) & 0xff, stdout, stderr);
}

function timeoutWords({ timeout = 0 }: Hook): string {
  return `hook ran past specified timeout of ${timeout.toFixed(1)}s`;
}

function notRunWords({ path }: Hook, number: number): string {
  return `fork/exec ${path}: ${errnoSentence(number)}`;
}

/** As Go names the signals by which programs usually end. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: "hangup",
  2: "interrupt",
  3: "quit",
  4: "illegal instruction",
  6: "aborted",
  9: "killed",
  11: "segmentation fault",
  13: "broken pipe",
  15: "terminated",
  31: "bad system call",
};

function endWords(signal: number, status: number, stdout: string, stderr: string): string {
  const how = signal === 0 ? `exit status ${status}` : `signal: ${SIGNALS[signal] ?? `signal ${signal}`}`;
  return `${how}, stdout: ${stdout}, stderr: ${stderr}`;
}
