/** `events`: what a container's cgroups count, now and then, and when the kernel kills in it for want of memory. Source: runc events. */
import { messageOf, TeuError } from "../../base/index.ts";
import { syscall } from "../../sys/index.ts";
import { listenForOom } from "../cgroup/oom-events.ts";
import { readStats } from "../cgroup/stats/read.ts";
import { encodeStats } from "../cgroup/stats/shape.ts";
import { readResctrlStats } from "../resctrl/stats.ts";
import { loadState, type SavedState } from "../state.ts";
import { statusOf } from "../status.ts";
import { containerArgument, type RuntimeContext, runtimeCommand } from "./context.ts";
import { logError } from "./log.ts";
import { print } from "./print.ts";

/** A stopped container counts nothing. The words are runc's. */
export class NoEvents extends TeuError<"no-events", { id: string }> {
  constructor(context: { id: string }) {
    super("no-events", "failed-precondition", context, `container with id ${context.id} is not running`);
  }
}

/** `--interval` is no time, or none at all. */
export class InvalidInterval extends TeuError<"invalid-interval", { interval: string }> {
  constructor(context: { interval: string }, words: string) {
    super("invalid-interval", "invalid", context, words);
  }
}

export const events = runtimeCommand({
  name: "events",
  summary: "display container events such as OOM notifications, cpu, memory, and IO usage statistics",
  description: "Displays information about the container, once every 5 seconds unless told otherwise.",
  flags: {
    interval: { kind: "string", value: "TIME", default: "5s", summary: "set the stats collection interval" },
    stats: { kind: "boolean", summary: "display the container's stats then exit" },
  },
  arguments: [containerArgument],
  examples: [
    { command: "runc events --stats ubuntu01", says: "Show what a container uses now" },
    { command: "runc events --interval 1s ubuntu01", says: "Show it every second, until the container ends" },
  ],
  run({ flags: { interval, stats }, arguments: [id = ""] }, context) {
    const saved = loadState(context.root, id);
    const intervalMs = parseInterval(interval);
    if (statusOf(context.root, saved) === "stopped") throw new NoEvents({ id });
    if (stats) print(statsEvent(saved));
    else follow(saved, intervalMs, context);
    return 0;
  },
});

function statsEvent({ id, cgroupPaths, resctrl }: SavedState): string {
  const data = { ...readStats(cgroupPaths), intel_rdt: readResctrlStats(resctrl) };
  return `${encodeStats({ type: "stats", id, data })}\n`;
}

const POLLIN = 1;

/** Until the container's cgroup is empty or removed. */
function follow(saved: SavedState, intervalMs: number, context: RuntimeContext): void {
  using oom = listenForOom(saved.cgroupPaths);
  let next = Date.now() + intervalMs;
  for (;;) {
    wait(oom.descriptor, Math.max(0, next - Date.now()));
    const { isOom, isOver } = oom.take();
    if (isOom) print(`${JSON.stringify({ type: "oom", id: saved.id })}\n`);
    if (isOver) return;
    if (Date.now() < next) continue;
    next += intervalMs;
    try {
      print(statsEvent(saved));
    } catch (error) {
      // The next one may succeed: a hierarchy that is being taken away answers with errors for a moment.
      logError(context.log, context.program, messageOf(error));
    }
  }
}

/** Until `descriptor` is readable or the time has passed. */
function wait(descriptor: number, milliseconds: number): void {
  const seconds = Math.floor(milliseconds / 1000);
  const rest = BigInt(Math.round((milliseconds - seconds * 1000) * 1e6));
  syscall("ppoll", Int32Array.of(descriptor, POLLIN), 1, BigInt64Array.of(BigInt(seconds), rest), 0, 0);
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
};

/** `5s`, `1m30s`, `100ms`, as Go writes times. Returns milliseconds. @throws {InvalidInterval} */
export function parseInterval(interval: string): number {
  const parts = [...interval.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  const isWhole = parts.length > 0 && parts.map(([text]) => text).join("") === interval.replace(/^[-+]/, "");
  if (!isWhole && interval !== "0")
    throw new InvalidInterval(
      { interval },
      `invalid value ${JSON.stringify(interval)} for flag -interval: parse error`,
    );
  const sum = parts.reduce((total, [, amount, unit = ""]) => total + Number(amount) * (UNITS[unit] ?? 0), 0);
  if (sum <= 0 || interval.startsWith("-"))
    throw new InvalidInterval({ interval }, "duration interval must be greater than 0");
  return sum;
}
