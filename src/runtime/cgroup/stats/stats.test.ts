/** Counters out of directories that look like cgroups. Values and shapes: runc types/events.go. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readStats } from "./read.ts";
import { encodeStats } from "./shape.ts";
import { parseList } from "./values.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function directory(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "teu-stats-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), `${text}\n`);
  return folder;
}

test("readStats() of v2 has v1's units and names", () => {
  const path = directory({
    "cpu.stat":
      "usage_usec 3000\nuser_usec 1000\nsystem_usec 2000\nnr_periods 4\nnr_throttled 0\nthrottled_usec 5",
    "cpu.pressure":
      "some avg10=1.50 avg60=0.00 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9",
    "memory.current": "4096",
    "memory.max": "8192",
    "memory.peak": "5000",
    "memory.swap.current": "100",
    "memory.swap.max": "max",
    "memory.stat": "anon 1\nfile 2048",
    "pids.current": "3",
    "pids.max": "max",
    "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=0 dbytes=9\n8:16 rbytes=7",
    "hugetlb.2MB.current": "0",
    "hugetlb.2MB.rsvd.current": "2097152",
    "hugetlb.2MB.events": "max 6",
  });
  expect(JSON.parse(encodeStats(readStats({ "": path })))).toEqual({
    cpu: {
      usage: { total: 3000000, kernel: 2000000, user: 1000000 },
      throttling: { periods: 4, throttledTime: 5000 },
      psi: {
        some: { avg10: 1.5, avg60: 0, avg300: 0, total: 77 },
        full: { avg10: 0, avg60: 0, avg300: 0, total: 9 },
      },
    },
    cpuset: {
      cpu_exclusive: 0,
      mem_hardwall: 0,
      mem_exclusive: 0,
      memory_migrate: 0,
      memory_spread_page: 0,
      memory_spread_slab: 0,
      memory_pressure: 0,
      sched_load_balance: 0,
      sched_relax_domain_level: 0,
    },
    memory: {
      cache: 2048,
      usage: { limit: 8192, usage: 4096, max: 5000, failcnt: 0 },
      swap: { limit: 2 ** 64, usage: 4196, failcnt: 0 },
      raw: { anon: 1, file: 2048 },
    },
    pids: { current: 3 },
    blkio: {
      ioServiceBytesRecursive: [
        { major: 8, op: "Read", value: 1 },
        { major: 8, op: "Write", value: 2 },
        { major: 8, minor: 16, op: "Read", value: 7 },
      ],
      ioServicedRecursive: [
        { major: 8, op: "Read", value: 3 },
        { major: 8, op: "Write" },
      ],
    },
    hugetlb: { "2MB": { usage: 2097152, failcnt: 6 } },
    intel_rdt: {},
    network_interfaces: null,
  });
});

test("readStats() of v1 asks each hierarchy, and the scheduler that counts", () => {
  const cpuacct = directory({
    "cpuacct.usage": "900",
    "cpuacct.stat": "user 2\nsystem 3",
    "cpuacct.usage_percpu": "400 500 ",
    "cpuacct.usage_all": "cpu user system\n0 100 300\n1 200 300",
  });
  const cpuset = directory({
    "cpuset.cpus": "0-2,5",
    "cpuset.mems": "0",
    "cpuset.sched_relax_domain_level": "-1",
  });
  const memory = directory({
    "memory.usage_in_bytes": "10",
    "memory.limit_in_bytes": "9223372036854771712",
    "memory.stat": "cache 7\nhierarchical_memory_limit 9223372036854771712",
  });
  const pids = directory({ "pids.current": "1", "pids.max": "20" });
  const blkio = directory({
    "blkio.bfq.io_serviced_recursive": "Total 0",
    "blkio.throttle.io_serviced_recursive": "8:0 Read 5\n8:0 Total 5\nTotal 5",
    "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\nTotal 4096",
  });
  const stats = readStats({ cpuacct, cpuset, memory, pids, blkio, devices: "/nowhere" });
  expect(stats).toMatchObject({
    cpu: {
      usage: {
        total: 900n,
        percpu: [400n, 500n],
        percpu_user: [100n, 200n],
        percpu_kernel: [300n, 300n],
        kernel: 30_000_000n,
        user: 20_000_000n,
      },
    },
    cpuset: { cpus: [0, 1, 2, 5], mems: [0], sched_relax_domain_level: -1n },
    memory: { cache: 7n, usage: { limit: 9223372036854771712n, usage: 10n, failcnt: 0n } },
    pids: { current: 1n, limit: 20n },
    blkio: {
      ioServicedRecursive: [
        { major: 8n, op: "Read", value: 5n },
        { major: 8n, op: "Total", value: 5n },
      ],
      ioServiceBytesRecursive: [{ major: 8n, op: "Read", value: 4096n }],
    },
    hugetlb: {},
  });
  expect(stats.memory.swap).toBeUndefined();
});

test("encodeStats() writes all digits", () => {
  expect(encodeStats({ limit: 2n ** 64n - 1n, usage: 9223372036854771712n })).toBe(
    '{"limit":18446744073709551615,"usage":9223372036854771712}',
  );
});

test.each([
  ["0-2,5", [0, 1, 2, 5]],
  ["7", [7]],
  ["", []],
])("parseList() of %p", (text, want) => {
  expect(parseList(text)).toEqual(want);
});
