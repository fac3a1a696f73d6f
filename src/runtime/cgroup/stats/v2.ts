/** Counters of a v2 cgroup, in v1's units and names. Source: kernel admin-guide/cgroup-v2.rst; the conversions are runc's. */
import { readHugetlb, readPids } from "./common.ts";
import { type BlkioEntry, type MemoryEntry, type Stats, sparse, unlessZero } from "./shape.ts";
import { lines, parseNumber, readKeys, readNumber, readPressure, UNLIMITED } from "./values.ts";

/** What the cgroup in `directory` counts. */
export function readStatsV2(directory: string): Stats {
  const psi = (name: string): { psi: ReturnType<typeof readPressure> } => ({
    psi: readPressure(directory, `${name}.pressure`),
  });
  return {
    cpu: sparse({ ...cpuOf(directory), ...psi("cpu") }),
    cpuset: NO_CPUSET,
    memory: sparse({ ...memoryOf(directory), ...psi("memory") }),
    pids: readPids(directory),
    blkio: sparse({ ...ioOf(directory), ...psi("io") }),
    hugetlb: readHugetlb(directory),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** v2 has none of these; runc's shape has them always. */
export const NO_CPUSET: Stats["cpuset"] = {
  cpu_exclusive: 0n,
  mem_hardwall: 0n,
  mem_exclusive: 0n,
  memory_migrate: 0n,
  memory_spread_page: 0n,
  memory_spread_slab: 0n,
  memory_pressure: 0n,
  sched_load_balance: 0n,
  sched_relax_domain_level: 0n,
};

/** v2 counts in microseconds. */
const NANOSECONDS = 1000n;

function cpuOf(directory: string): Pick<Stats["cpu"], "usage" | "throttling"> {
  const stat = readKeys(directory, "cpu.stat");
  const nanoseconds = (key: string): bigint => (stat[key] ?? 0n) * NANOSECONDS;
  return sparse({
    usage: unlessZero({
      ...sparse({ total: nanoseconds("usage_usec") }),
      kernel: nanoseconds("system_usec"),
      user: nanoseconds("user_usec"),
    }),
    throttling: sparse({
      periods: stat["nr_periods"],
      throttledPeriods: stat["nr_throttled"],
      throttledTime: nanoseconds("throttled_usec"),
    }),
  });
}

function memoryOf(directory: string): Pick<Stats["memory"], "cache" | "usage" | "swap" | "raw"> {
  const raw = readKeys(directory, "memory.stat");
  const usage = entry(directory, "memory");
  const swap = entry(directory, "memory.swap");
  return sparse({ cache: raw["file"], usage, swap: swap && withMemory(swap, usage), raw });
}

function entry(directory: string, name: string): MemoryEntry | undefined {
  const usage = readNumber(directory, `${name}.current`);
  if (usage === undefined) return undefined;
  const limit = readNumber(directory, `${name}.max`) ?? 0n;
  return { limit, ...sparse({ usage, max: readNumber(directory, `${name}.peak`) }), failcnt: 0n };
}

/** v1 counts memory and swap together; the highest of both is not the sum of each one's. */
function withMemory(swap: MemoryEntry, memory: MemoryEntry | undefined): MemoryEntry {
  const limit = swap.limit === UNLIMITED ? UNLIMITED : swap.limit + (memory?.limit ?? 0n);
  return {
    limit: limit > UNLIMITED ? UNLIMITED : limit,
    ...sparse({ usage: (swap.usage ?? 0n) + (memory?.usage ?? 0n) }),
    failcnt: 0n,
  };
}

/** Keys of io.stat: v1's table and operation. */
const IO_KEYS: Readonly<Record<string, readonly [table: string, op: string]>> = {
  rbytes: ["ioServiceBytesRecursive", "Read"],
  wbytes: ["ioServiceBytesRecursive", "Write"],
  rios: ["ioServicedRecursive", "Read"],
  wios: ["ioServicedRecursive", "Write"],
};

function ioOf(directory: string): Record<string, BlkioEntry[]> {
  const tables: Record<string, BlkioEntry[]> = {};
  for (const line of lines(directory, "io.stat")) {
    const [numbers = "", ...pairs] = line.split(" ");
    const [major, minor] = numbers.split(":").map(parseNumber);
    if (major === undefined || minor === undefined) continue;
    for (const pair of pairs) {
      const [key = "", text = ""] = pair.split("=");
      const [table, op = ""] = IO_KEYS[key] ?? [];
      const value = parseNumber(text);
      if (table === undefined || value === undefined) continue;
      const entries = tables[table] ?? [];
      tables[table] = entries;
      entries.push(sparse({ major, minor, op, value }));
    }
  }
  return tables;
}
