/** The flags that limit what a container uses. Docker's. */
import { existsSync, readFileSync } from "node:fs";
import type { Flags, ParsedArguments } from "../base/index.ts";
import { InvalidOption, parseResources } from "../engine/index.ts";

/** Those that 'teu update' can change too. */
export const UPDATE_FLAGS = {
  memory: {
    kind: "string",
    short: "m",
    value: "SIZE",
    summary: "Limit memory: 64m, 1g; as much swap again",
  },
  "memory-reservation": {
    kind: "string",
    value: "SIZE",
    summary: "What it is pressed back to when memory is short",
  },
  "memory-swap": {
    kind: "string",
    value: "SIZE",
    summary: "Limit memory and swap together; -1: swap without limit",
  },
  cpus: { kind: "string", value: "NUMBER", summary: "Limit processor time: 1.5 of them" },
  "cpu-shares": {
    kind: "integer",
    short: "c",
    value: "NUMBER",
    summary: "Its weight where processors are short (1024)",
  },
  "cpu-period": { kind: "integer", value: "MICROSECONDS", summary: "Period of --cpu-quota" },
  "cpu-quota": { kind: "integer", value: "MICROSECONDS", summary: "Limit processor time in each period" },
  "cpu-rt-period": { kind: "integer", value: "MICROSECONDS", summary: "Period of --cpu-rt-runtime" },
  "cpu-rt-runtime": {
    kind: "integer",
    value: "MICROSECONDS",
    summary: "Limit real-time processor time in each period",
  },
  "cpuset-cpus": { kind: "string", value: "LIST", summary: "Only on these processors: 0-2,4" },
  "cpuset-mems": { kind: "string", value: "LIST", summary: "Only memory of these nodes" },
  "pids-limit": { kind: "integer", value: "NUMBER", summary: "Limit the number of processes; -1: none" },
  "blkio-weight": {
    kind: "integer",
    value: "NUMBER",
    summary: "Its weight where disks are busy, 10 to 1000",
  },
} as const satisfies Flags;

export const RESOURCE_FLAGS = {
  ...UPDATE_FLAGS,
  "memory-swappiness": {
    kind: "integer",
    value: "PERCENT",
    summary: "How readily its memory is swapped out (cgroup v1)",
  },
  "oom-kill-disable": {
    kind: "boolean",
    summary: "Let processes wait where memory is short, and kill none (cgroup v1)",
  },
  "blkio-weight-device": { kind: "list", value: "DEVICE:NUMBER", summary: "The weight for one device" },
  "device-read-bps": {
    kind: "list",
    value: "DEVICE:SIZE",
    summary: "Limit bytes read of a device in a second",
  },
  "device-write-bps": {
    kind: "list",
    value: "DEVICE:SIZE",
    summary: "Limit bytes written to a device in a second",
  },
  "device-read-iops": {
    kind: "list",
    value: "DEVICE:NUMBER",
    summary: "Limit reads of a device in a second",
  },
  "device-write-iops": {
    kind: "list",
    value: "DEVICE:NUMBER",
    summary: "Limit writes to a device in a second",
  },
} as const satisfies Flags;

/** What the flags limit. @throws {InvalidOption} */
export function resourcesOf(
  flags: ParsedArguments<typeof UPDATE_FLAGS>["flags"] &
    Partial<ParsedArguments<typeof RESOURCE_FLAGS>["flags"]>,
): ReturnType<typeof parseResources> {
  const online = flags.cpus === undefined ? 0 : process.getBuiltinModule("node:os").availableParallelism();
  const resources = parseResources(flags, online);
  refuseAbsent("CPUs", "--cpuset-cpus", flags["cpuset-cpus"], "/sys/devices/system/cpu/online");
  refuseAbsent("memory nodes", "--cpuset-mems", flags["cpuset-mems"], "/sys/devices/system/node/online");
  return resources;
}

/** Docker's words. @throws {InvalidOption} */
function refuseAbsent(what: string, option: string, asked: string | undefined, path: string): void {
  if (!asked) return;
  const available = existsSync(path) ? readFileSync(path, "utf8").trim() : "0"; // a kernel that knows no nodes has one
  const ranges = rangesOf(available);
  const isThere = (number: number) => ranges.some(([first, last]) => number >= first && number <= last);
  if (rangesOf(asked).every(([first, last]) => isThere(first) && isThere(last))) return;
  throw new InvalidOption(
    { option, value: asked },
    `Requested ${what} are not available - requested ${asked}, available: ${available}`,
  );
}

/** `0-2,4` → [0, 2], [4, 4]. */
function rangesOf(list: string): [first: number, last: number][] {
  return list.split(",").map((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return [first, last];
  });
}
