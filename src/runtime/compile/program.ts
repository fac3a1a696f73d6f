/**
 * The end: the program is found with the process's own rights, then init waits at the gate and becomes it.
 * Source: runtime-spec config.md, process.args; runtime.md, Lifecycle; execve(2).
 */
import type { Process } from "../../spec/index.ts";
import { errno } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { DataRef, PLAN_DESCRIPTOR, REPORT, type Rules, SYNC_DESCRIPTOR } from "../plan/plan.ts";
import {
  AT_EACCESS,
  AT_FDCWD,
  CLOSE_RANGE_CLOEXEC,
  S_IFMT,
  S_IFREG,
  STATX_BASIC_STATS,
  STATX_BYTES,
  STX_MODE,
} from "./constants.ts";
import { HOME, HOME_BYTES, PROGRAM, ROOT, T1 } from "./context.ts";
import { compileRlimits } from "./identity.ts";

const X_OK = 1;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * What was opened on the way is closed, so that no path of the container's can lead through it (2024-21626); what is
 * still needed closes at exec. Now, because a filter may come later.
 */
export function compileCloseDescriptors(plan: PlanBuilder): void {
  plan.section("init", "runtime.md, Lifecycle");
  plan.call("close_range", [PLAN_DESCRIPTOR, PLAN_DESCRIPTOR, 0]);
  plan.call("close_range", [plan.firstOwnDescriptor, 0xffff_ffff, 0]);
  plan.call("close_range", [SYNC_DESCRIPTOR, 0xffff_ffff, CLOSE_RANGE_CLOEXEC]);
}

/** PROGRAM becomes the path of args[0], looked up in PATH where it has no slash. The section tells it from other failures. */
export function compileLookup(plan: PlanBuilder, process: Process): void {
  plan.section("process.args", "config.md, process.args");
  const name = process.args?.[0] ?? "";
  const candidates = name.includes("/")
    ? [name]
    : searchPath(process).map((directory) => `${directory}/${name}`);
  const found = plan.label();
  const stat = plan.shared("statx", [], () => plan.reserve(STATX_BYTES, "statx"));
  candidates.forEach((path) => {
    const isLast = name.includes("/");
    const next = plan.label();
    const text = plan.text(path);
    const otherwise: Rules = isLast ? {} : { "*": next };
    const older = plan.label();
    const executable = plan.label();
    plan.move(PROGRAM, text);
    // A filter that is older than the calls may already be there: then the older call, and execve itself, have to do.
    const on = { EPERM: older, ENOSYS: older, ...otherwise };
    plan.call("faccessat2", [AT_FDCWD, text, X_OK, AT_EACCESS], { on });
    plan.place(executable);
    const unless = { EPERM: found, ENOSYS: found, ...otherwise };
    plan.call("statx", [AT_FDCWD, text, 0, STATX_BASIC_STATS, stat], { on: unless });
    plan.load(T1, new DataRef(stat.offset + STX_MODE), 2);
    plan.jump(found, T1, BigInt(S_IFMT), "==", BigInt(S_IFREG));
    // What execve would say, and the words that every caller knows: docker before 23 and podman look for no other.
    if (isLast) plan.fail(errno.EACCES);
    plan.place(next);
    plan.later(() => {
      plan.place(older);
      plan.addFuel(2);
      plan.call("faccessat", [AT_FDCWD, text, X_OK], { on: otherwise });
      plan.goto(executable);
    });
  });
  if (!name.includes("/")) plan.fail(errno.ENOENT);
  plan.place(found);
}

function searchPath(process: Process): string[] {
  const path = (process.env ?? []).findLast((entry) => entry.startsWith("PATH="))?.slice(5) ?? DEFAULT_PATH;
  return path.split(":").map((directory) => (directory === "" ? "." : directory));
}

/** Tells the parent that all is ready by closing the socket, then waits for `start` at the gate. */
export function compileGate(plan: PlanBuilder, gate: number, started: number): void {
  plan.section("start", "runtime.md, Start");
  plan.move(REPORT, started);
  plan.call("close", [SYNC_DESCRIPTOR]);
  const again = plan.label();
  plan.place(again);
  plan.addFuel(1000);
  plan.call("read", [gate, plan.reserve(8, "a byte"), 1], { on: { EINTR: again } });
}

/** Inherited descriptors move to 3, 4, …, where the caller's protocol wants them. */
export function compilePreserved(plan: PlanBuilder, slots: readonly number[]): void {
  if (slots.length === 0) return;
  plan.section("--preserve-fds", "runc create");
  slots.forEach((slot, index) => {
    if (slot === 3 + index) throw new RangeError("An inherited descriptor already stands where it has to go");
    plan.call("dup3", [slot, 3 + index, 0]);
  });
}

/** The process's environment. HOME was read from the root's own passwd where it has none. */
export function compileEnvironment(plan: PlanBuilder, process: Process): DataRef {
  const environment = uniqueEnvironment(process.env ?? []);
  const needsHome = lacksHome(process);
  const env = plan.strings(
    needsHome ? [...environment, "HOME=/"] : environment,
    `${environment.length} variables`,
  );
  if (needsHome) plan.store(new DataRef(env.offset + environment.length * 8), 8, HOME);
  return env;
}

/** For what has to know nothing of the container's. */
export function noEnvironment(plan: PlanBuilder): DataRef {
  return plan.strings([], "no variables");
}

/** The last call; returns its record's number. */
export function compileExec(plan: PlanBuilder, process: Process, env: DataRef): number {
  plan.section("process.args", "config.md, process.args");
  const argv = plan.strings(process.args ?? [], JSON.stringify(process.args ?? []));
  return plan.call("execve", [PROGRAM, argv, env]);
}

/**
 * The last SYNC before the program: what `more` says the parent does. HOME comes as bytes and not in a segment: a limit of
 * descriptors may leave none for that by now.
 */
export function compileReady(
  plan: PlanBuilder,
  process: Process,
  section: readonly [field: string, clause: string],
  more: () => void,
): void {
  const data = lacksHome(process) ? plan.reserve(HOME_BYTES, "HOME from the container's passwd") : undefined;
  plan.section(...section);
  plan.sync("ready", {
    descriptors: [ROOT],
    ...(data !== undefined && { slot: { data, capacity: HOME_BYTES } }),
  });
  more();
  compileRlimits(plan, process.rlimits);
  plan.section(...section);
  if (data !== undefined) plan.host({ kind: "home", uid: process.user.uid });
  plan.host({ kind: "state" });
  if (data !== undefined) plan.move(HOME, data);
}

/** Whether HOME has to be looked up: it is unset, or empty where it is set last. */
function lacksHome(process: Process): boolean {
  const home = process.env?.findLast((entry) => entry.startsWith("HOME="));
  return home === undefined || home === "HOME=";
}

/** One entry for each name: the last. */
function uniqueEnvironment(env: readonly string[]): string[] {
  const byName = new Map(env.map((entry) => [entry.split("=", 1)[0], entry]));
  if (byName.get("HOME") === "HOME=") byName.delete("HOME");
  return [...byName.values()];
}
