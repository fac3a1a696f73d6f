/** Counters of v1 hierarchies. Source: kernel admin-guide/cgroup-v1; which file counts for what: runc. */
import { readCgroupFileIfAny } from "../file.ts";
import type { CgroupPaths } from "../path.ts";
import { readHugetlb, readPids } from "./common.ts";
import { type BlkioEntry, type MemoryEntry, type Stats, sparse, unlessZero } from "./shape.ts";
import { NO_CPUSET, readStatsV2 } from "./v2.ts";
import { lines, parseList, parseNumber, readKeys, readNumber } from "./values.ts";

/**
 * What a container's cgroups count, hierarchy by hierarchy. What no v1 hierarchy counts is the unified one's, where there is
 * one; else nothing is told of it.
 */
export function readStatsV1(paths: CgroupPaths): Stats {
  const { "": unified, cpu, cpuacct, cpuset, memory, pids, blkio } = paths;
  const hugetlb = paths["hugetlb"] ?? unified;
  const hasAll = [cpu, cpuacct, memory, pids, blkio].every((path) => path !== undefined);
  const v2 = hasAll || unified === undefined ? undefined : readStatsV2(unified);
  return {
    cpu: sparse({
      usage: cpuacct === undefined ? v2?.cpu.usage : unlessZero(cpuUsage(cpuacct)),
      throttling: cpu === undefined ? v2?.cpu.throttling : throttling(cpu),
    }),
    cpuset: cpuset === undefined ? NO_CPUSET : cpusetOf(cpuset),
    memory: memory === undefined ? (v2?.memory ?? {}) : memoryOf(memory),
    pids: pids === undefined ? (v2?.pids ?? {}) : readPids(pids),
    blkio: blkio === undefined ? (v2?.blkio ?? {}) : sparse(blkioOf(blkio)),
    hugetlb: hugetlb === undefined ? {} : readHugetlb(hugetlb),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** cpuacct.stat counts in ticks of a hundredth of a second. */
const NANOSECONDS_OF_TICK = 10_000_000n;

function cpuUsage(path: string): NonNullable<Stats["cpu"]["usage"]> {
  const { user = 0n, system = 0n } = readKeys(path, "cpuacct.stat");
  const [, ...each] = lines(path, "cpuacct.usage_all").map((line) => line.split(" ").map(parseNumber));
  const percpu = (readCgroupFileIfAny(`${path}/cpuacct.usage_percpu`) ?? "").split(" ").map(parseNumber);
  return {
    ...sparse({
      total: readNumber(path, "cpuacct.usage") ?? 0n,
      percpu: percpu.filter((value) => value !== undefined),
      percpu_kernel: each.map(([, , kernel]) => kernel ?? 0n),
      percpu_user: each.map(([, used]) => used ?? 0n),
    }),
    kernel: system * NANOSECONDS_OF_TICK,
    user: user * NANOSECONDS_OF_TICK,
  };
}

function throttling(path: string): NonNullable<Stats["cpu"]["throttling"]> {
  const { nr_periods = 0n, nr_throttled = 0n, throttled_time = 0n } = readKeys(path, "cpu.stat");
  return sparse({ periods: nr_periods, throttledPeriods: nr_throttled, throttledTime: throttled_time });
}

const CPUSET = [
  "cpu_exclusive",
  "mem_hardwall",
  "mem_exclusive",
  "memory_migrate",
  "memory_spread_page",
  "memory_spread_slab",
  "memory_pressure",
  "sched_load_balance",
  "sched_relax_domain_level",
];

function cpusetOf(path: string): Stats["cpuset"] {
  const list = (file: string): number[] => parseList(readCgroupFileIfAny(`${path}/${file}`));
  const flags = CPUSET.map((name) => [name, readNumber(path, `cpuset.${name}`) ?? 0n] as const);
  return {
    ...sparse({ cpus: list("cpuset.cpus"), mems: list("cpuset.mems") }),
    ...Object.fromEntries(flags),
  };
}

function memoryOf(path: string): Stats["memory"] {
  const raw = readKeys(path, "memory.stat");
  return sparse({
    cache: raw["cache"] ?? 0n,
    usage: entry(path, "memory"),
    swap: entry(path, "memory.memsw"),
    kernel: entry(path, "memory.kmem"),
    kernelTCP: entry(path, "memory.kmem.tcp"),
    raw,
  });
}

function entry(path: string, name: string): MemoryEntry | undefined {
  const read = (what: string): bigint => readNumber(path, `${name}.${what}`) ?? 0n;
  return unlessZero({
    limit: read("limit_in_bytes"),
    ...sparse({ usage: read("usage_in_bytes"), max: read("max_usage_in_bytes") }),
    failcnt: read("failcnt"),
  });
}

/** The key of a counter, and its file's name after the scheduler's part. */
const COUNTERS = [
  ["ioServiceBytesRecursive", "io_service_bytes"],
  ["ioServicedRecursive", "io_serviced"],
  ["ioQueueRecursive", "io_queued"],
  ["ioServiceTimeRecursive", "io_service_time"],
  ["ioWaitTimeRecursive", "io_wait_time"],
  ["ioMergedRecursive", "io_merged"],
  ["ioTimeRecursive", "time"],
  ["sectorsRecursive", "sectors"],
] as const;
/** Whoever has counted something: a scheduler with its debug counters or without, CFQ of old kernels, the throttling layer. */
const SOURCES = [
  "blkio.bfq.*_recursive",
  "blkio.*_recursive",
  "blkio.throttle.*_recursive",
  "blkio.throttle.*",
];

function blkioOf(path: string): Record<string, BlkioEntry[]> {
  for (const source of SOURCES) {
    const counters = COUNTERS.map(
      ([key, name]) => [key, lines(path, source.replace("*", name)).flatMap(parseCounter)] as const,
    );
    if (counters.some(([key, entries]) => key === "ioServicedRecursive" && entries.length > 0))
      return Object.fromEntries(counters);
  }
  return {};
}

/** `8:0 Read 123`, or `8:0 123`. The sum of all devices is left out. */
function parseCounter(line: string): BlkioEntry[] {
  const [, major, minor, op = "", value] = /^(\d+):(\d+) (?:(\w+) )?(\d+)$/.exec(line) ?? [];
  if (major === undefined || minor === undefined || value === undefined) return [];
  return [sparse({ major: BigInt(major), minor: BigInt(minor), op, value: BigInt(value) })];
}
