/** Limits that this machine's kernel may have no controller for, on directories that look as if it had. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Resources } from "../../spec/index.ts";
import { writeAllToCgroup } from "./file.ts";
import type { CgroupLayout } from "./layout.ts";
import { listenForOom } from "./oom-events.ts";
import { planCgroup, planUpdate } from "./plan.ts";
import { withPresentLimits } from "./present-limits.ts";
import { readStats } from "./stats/read.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

type Kind = "v1" | "hybrid" | "v2";
const V1 = ["memory", "cpu", "cpuset", "pids", "blkio", "net_cls", "net_prio", "devices", "hugetlb", "rdma"];

/**
 * A layout below a folder of its own; `files` are there in the container's cgroups, as `CONTROLLER.PARAMETER`.
 * @param lacking  What a hybrid has no v1 hierarchy for.
 */
function tree(
  kind: Kind,
  files: Readonly<Record<string, string>>,
  lacking: readonly string[] = ["hugetlb", "rdma"],
): CgroupLayout {
  const folder = mkdtempSync(join(tmpdir(), "teu-cgroups-"));
  folders.push(folder);
  const unified = { controllers: [], mountPoint: join(folder, "unified"), own: "/" };
  const names = kind === "hybrid" ? V1.filter((name) => !lacking.includes(name)) : V1;
  const v1 = names.map((name) => ({ controllers: [name], mountPoint: join(folder, name), own: "/" }));
  for (const [file, content] of Object.entries(files)) {
    const controller = file.slice(0, file.indexOf("."));
    const isV1 = kind !== "v2" && names.includes(controller);
    const path = join(folder, isV1 ? controller : "unified", "box", file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  if (kind === "v2") return { v1: [], unified };
  return kind === "v1"
    ? { v1 }
    : { v1, unified, unifiedControllers: lacking.map((name) => (name === "blkio" ? "io" : name)) };
}

/** What the files of `want` hold after `resources` were written. */
function written(kind: Kind, resources: Resources, want: Readonly<Record<string, string>>): object {
  const layout = tree(kind, Object.fromEntries(Object.keys(want).map((file) => [file, ""])));
  const plan = planCgroup({ cgroupsPath: "/box", resources }, "unused", layout);
  writeAllToCgroup(plan.limits.filter(({ controller }) => controller !== "devices"));
  return Object.fromEntries(
    Object.keys(want).map((file) => [file, readFileSync(pathOf(layout, file), "utf8")]),
  );
}

function pathOf({ v1, unified }: CgroupLayout, file: string): string {
  const controller = file.slice(0, file.indexOf("."));
  const hierarchy = v1.find(({ controllers }) => controllers.includes(controller)) ?? unified;
  return join(hierarchy?.mountPoint ?? "", "box", file);
}

const device = { major: 8, minor: 16 };
const cases: {
  clause: string;
  says: string;
  resources: Resources;
  want: Partial<Record<Kind, Readonly<Record<string, string>>>>;
}[] = [
  {
    clause: "network",
    says: "class and priorities, which v2 does not have",
    resources: { network: { classID: 0x100001, priorities: [{ name: "eth0", priority: 5 }] } },
    want: {
      v1: { "net_cls.classid": "1048577", "net_prio.ifpriomap": "eth0 5" },
      hybrid: { "net_cls.classid": "1048577", "net_prio.ifpriomap": "eth0 5" },
      v2: {},
    },
  },
  {
    clause: "rdma",
    says: "handles and objects; what is not named has no limit",
    resources: { rdma: { mlx5_0: { hcaHandles: 3 }, ocrdma1: { hcaObjects: 9 } } },
    want: {
      v1: { "rdma.max": "mlx5_0 hca_handle=3 hca_object=maxocrdma1 hca_handle=max hca_object=9" },
      hybrid: { "rdma.max": "mlx5_0 hca_handle=3 hca_object=maxocrdma1 hca_handle=max hca_object=9" },
      v2: { "rdma.max": "mlx5_0 hca_handle=3 hca_object=maxocrdma1 hca_handle=max hca_object=9" },
    },
  },
  {
    clause: "huge-page-limits",
    says: "usage and reservation",
    resources: { hugepageLimits: [{ pageSize: "2MB", limit: 4194304 }] },
    want: {
      v1: { "hugetlb.2MB.limit_in_bytes": "4194304", "hugetlb.2MB.rsvd.limit_in_bytes": "4194304" },
      hybrid: { "hugetlb.2MB.max": "4194304", "hugetlb.2MB.rsvd.max": "4194304" },
      v2: { "hugetlb.2MB.max": "4194304", "hugetlb.2MB.rsvd.max": "4194304" },
    },
  },
  {
    clause: "huge-page-limits",
    says: "a kernel without reservations",
    resources: { hugepageLimits: [{ pageSize: "1GB", limit: 0 }] },
    want: { v1: { "hugetlb.1GB.limit_in_bytes": "0" }, v2: { "hugetlb.1GB.max": "0" } },
  },
  {
    clause: "block-io",
    says: "weights of CFQ on v1, of BFQ on v2",
    resources: {
      blockIO: { weight: 100, leafWeight: 20, weightDevice: [{ ...device, weight: 500, leafWeight: 30 }] },
    },
    want: {
      v1: {
        "blkio.weight": "100",
        "blkio.leaf_weight": "20",
        "blkio.weight_device": "8:16 500",
        "blkio.leaf_weight_device": "8:16 30",
      },
      v2: { "io.bfq.weight": "1008:16 500" },
    },
  },
  {
    clause: "block-io",
    says: "a weight of BFQ on v1, of the cost model on v2",
    resources: { blockIO: { weight: 100 } },
    want: { v1: { "blkio.bfq.weight": "100" }, v2: { "io.weight": "910" } },
  },
  {
    clause: "block-io",
    says: "a device's weight of BFQ on v1, of the cost model on v2",
    resources: { blockIO: { weightDevice: [{ ...device, weight: 500 }] } },
    want: { v1: { "blkio.bfq.weight_device": "8:16 500" }, v2: { "io.weight": "8:16 4950" } },
  },
  {
    clause: "block-io",
    says: "throttling, which 0 lifts",
    resources: {
      blockIO: {
        throttleReadBpsDevice: [{ ...device, rate: 1 }],
        throttleWriteBpsDevice: [{ ...device, rate: 2 }],
        throttleReadIOPSDevice: [{ ...device, rate: 3 }],
        throttleWriteIOPSDevice: [{ ...device, rate: 0 }],
      },
    },
    want: {
      v1: {
        "blkio.throttle.read_bps_device": "8:16 1",
        "blkio.throttle.write_bps_device": "8:16 2",
        "blkio.throttle.read_iops_device": "8:16 3",
        "blkio.throttle.write_iops_device": "8:16 0",
      },
      v2: { "io.max": "8:16 rbps=18:16 wbps=28:16 riops=38:16 wiops=max" },
    },
  },
  {
    clause: "cpu",
    says: "realtime, which v2 does not have",
    resources: { cpu: { realtimePeriod: 1000000, realtimeRuntime: 950000 } },
    want: { v1: { "cpu.rt_period_us": "1000000", "cpu.rt_runtime_us": "950000" }, v2: {} },
  },
];

test.each(
  cases.flatMap(({ want, ...item }) =>
    Object.entries(want).map(([kind, files]) => ({ ...item, kind: kind as Kind, files })),
  ),
)("config-linux.md#$clause, $kind: $says", ({ kind, resources, files }) => {
  expect(written(kind, resources, files)).toEqual(files);
});

const failures: {
  says: string;
  kind: Kind;
  files: Record<string, string>;
  resources: Resources;
  want: RegExp;
}[] = [
  {
    says: "a file that the kernel does not have, with field, file and errno",
    kind: "v1",
    files: { "cpu.shares": "" },
    resources: { cpu: { idle: 1 } },
    want: /^Cannot set linux\.resources\.cpu\.idle: writing "1" to \/.*\/cpu\/box\/cpu\.idle: ENOENT$/,
  },
  {
    says: "a controller that v2 does not have here",
    kind: "v2",
    files: { "cgroup.controllers": "cpu io memory\n" },
    resources: { pids: { limit: 3 } },
    want: /^Cannot set linux\.resources\.pids\.limit: .*\/pids\.max: ENOENT: controller "pids" not available$/,
  },
  {
    says: "a file of v2 whose controller is not there",
    kind: "v2",
    files: { "cgroup.controllers": "cpu\n" },
    resources: { unified: { "misc.max": "res 3" } },
    want: /^Cannot set linux\.resources\.unified\["misc\.max"\]: .* controller "misc" not available$/,
  },
];

test.each(failures)("writeAllToCgroup() tells of $says", ({ kind, files, resources, want }) => {
  const { limits } = planCgroup({ cgroupsPath: "/box", resources }, "unused", tree(kind, files));
  expect(() => writeAllToCgroup(limits.filter(({ controller }) => controller !== "devices"))).toThrow(want);
});

// What broke: such a hybrid's limits were set in the unified hierarchy, and its counters read from the host's root directory.
const LACKING = ["memory", "pids", "blkio"];

test("readStats() of a hybrid reads from the unified hierarchy what v1 lacks", () => {
  const layout = tree(
    "hybrid",
    {
      "memory.current": "4096",
      "memory.max": "8192",
      "memory.stat": "file 2048",
      "pids.current": "3",
      "pids.max": "9",
      "io.stat": "8:0 rios=3",
      "cpu.stat": "nr_periods 7",
      "hugetlb.2MB.limit_in_bytes": "0",
      "hugetlb.2MB.usage_in_bytes": "5",
    },
    LACKING,
  );
  const { paths } = planCgroup({ cgroupsPath: "/box" }, "unused", layout);
  writeFileSync(join(paths[""] ?? "", "cpu.stat"), "usage_usec 2\nsystem_usec 1\nnr_periods 1\n");
  expect(readStats(paths)).toMatchObject({
    // The scheduler is v1's.
    cpu: { usage: { total: 2000n, kernel: 1000n, user: 0n }, throttling: { periods: 7n } },
    memory: { cache: 2048n, usage: { limit: 8192n, usage: 4096n }, raw: { file: 2048n } },
    pids: { current: 3n, limit: 9n },
    blkio: { ioServicedRecursive: [{ major: 8n, op: "Read", value: 3n }] },
    hugetlb: { "2MB": { usage: 5n } },
  });
});

test("readStats() tells nothing of what no hierarchy counts", () => {
  const nothing = { cpu: {}, memory: {}, pids: {}, blkio: {}, hugetlb: {}, cpuset: { memory_migrate: 0n } };
  expect(readStats({ devices: "/nowhere" })).toMatchObject(nothing);
  expect(readStats({})).toMatchObject(nothing);
});

test("listenForOom() of a hybrid listens where memory is counted", () => {
  const files = { "memory.events": "oom_kill 1", "cgroup.events": "populated 1" };
  const { paths } = planCgroup({ cgroupsPath: "/box" }, "unused", tree("hybrid", files, LACKING));
  using events = listenForOom(paths);
  expect(events.take()).toEqual({ isOom: false, isOver: false });
  writeFileSync(join(paths[""] ?? "", "memory.events"), "oom_kill 2");
  expect(events.take()).toEqual({ isOom: true, isOver: false });
});

test("listenForOom() refuses where nobody counts memory", () => {
  const { paths } = planCgroup(
    { cgroupsPath: "/box" },
    "unused",
    tree("hybrid", { "cgroup.events": "populated 1" }, LACKING),
  );
  expect(() => listenForOom(paths)).toThrow("memory controller missing");
});

test("withPresentLimits() keeps quota or period, whichever an update does not name", () => {
  const v2 = (max: string): CgroupLayout => tree("v2", { "cpu.max": max });
  const v1 = tree("v1", { "cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n" });
  const cases = [
    { layout: v2("max 100000\n"), cpu: { period: 50000 }, want: ["max 50000"] },
    { layout: v2("30000 100000\n"), cpu: { period: 50000 }, want: ["30000 50000"] },
    { layout: v2("30000 70000\n"), cpu: { quota: 20000 }, want: ["20000 70000"] },
    { layout: v2("30000 70000\n"), cpu: { quota: 1, period: 2 }, want: ["1 2"] },
    { layout: v1, cpu: { period: 50000 }, want: ["50000"] },
    { layout: v1, cpu: { period: 50000 }, isUnit: true, want: ["50000", "-1"] },
  ];
  for (const { layout, cpu, isUnit = false, want } of cases) {
    const { paths } = planCgroup({ cgroupsPath: "/box" }, "unused", layout);
    const whole = withPresentLimits({ cpu }, paths, isUnit);
    expect(planUpdate(whole, paths, layout).map(({ value }) => value)).toEqual(want);
  }
});
