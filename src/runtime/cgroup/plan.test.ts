import { expect, test } from "bun:test";
import type { DeviceRule, Linux, Resources } from "../../spec/index.ts";
import { devicePolicy, encodeDeviceException } from "./device-rules.ts";
import { type CgroupLayout, NoCgroups, parseCgroupLayout } from "./layout.ts";
import { cleanPath } from "./path.ts";
import { planCgroup, planUpdate } from "./plan.ts";
import { cpuWeight, ioWeight } from "./v2.ts";

const HYBRID_MOUNTS = `23 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset,clone_children
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
50 31 0:32 /deep /var/my\\040box/memory rw,relatime - cgroup cgroup rw,memory
`;
const HYBRID_MEMBERSHIP = `9:name=systemd:/
8:pids:/
6:freezer:/
5:devices:/
4:memory:/session/7
3:cpuset:/
2:cpu,cpuacct:/
0::/
`;
const V2_MOUNTS = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

const hybrid = parseCgroupLayout(HYBRID_MOUNTS, HYBRID_MEMBERSHIP);
const v2 = parseCgroupLayout(V2_MOUNTS, "0::/user.slice/session-1.scope\n");

test("parseCgroupLayout() finds v1 hierarchies and the unified one", () => {
  expect(hybrid.v1.map(({ controllers }) => controllers.join("+"))).toEqual([
    "cpu+cpuacct",
    "cpuset",
    "memory",
    "devices",
    "freezer",
    "pids",
    "name=systemd",
  ]);
  expect(hybrid.v1[2]).toEqual({
    controllers: ["memory"],
    mountPoint: "/sys/fs/cgroup/memory",
    own: "/session/7",
  });
  expect(hybrid.unified?.mountPoint).toBe("/sys/fs/cgroup/unified");
  expect(v2).toEqual({
    v1: [],
    unified: { controllers: [], mountPoint: "/sys/fs/cgroup", own: "/user.slice/session-1.scope" },
  });
});

test("parseCgroupLayout() takes a mounted subtree for what it is, and unescapes its path", () => {
  const mounts = "50 31 0:32 /box /my\\040mount rw - cgroup cgroup rw,memory\n";
  expect(parseCgroupLayout(mounts, "4:memory:/box/inner\n").v1[0]).toMatchObject({
    mountPoint: "/my mount",
    own: "/inner",
  });
  expect(parseCgroupLayout(mounts, "4:memory:/box\n").v1[0]?.own).toBe("/");
  expect(parseCgroupLayout(mounts, "4:memory:/boxes\n").v1[0]?.own).toBe("/");
});

test("parseCgroupLayout() throws where nothing is mounted", () => {
  expect(() => parseCgroupLayout("23 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "0::/\n")).toThrow(NoCgroups);
});

const places: { says: string; layout: CgroupLayout; cgroupsPath?: string; key: string; want: string }[] = [
  {
    says: "absolute, v1",
    layout: hybrid,
    cgroupsPath: "/teu/a",
    key: "memory",
    want: "/sys/fs/cgroup/memory/teu/a",
  },
  {
    says: "absolute, co-mounted",
    layout: hybrid,
    cgroupsPath: "/a",
    key: "cpuacct",
    want: "/sys/fs/cgroup/cpu,cpuacct/a",
  },
  {
    says: "absolute, named",
    layout: hybrid,
    cgroupsPath: "/a",
    key: "name=systemd",
    want: "/sys/fs/cgroup/systemd/a",
  },
  {
    says: "absolute, unified of a hybrid",
    layout: hybrid,
    cgroupsPath: "/a",
    key: "",
    want: "/sys/fs/cgroup/unified/a",
  },
  {
    says: "relative, v1: below the caller's own",
    layout: hybrid,
    cgroupsPath: "x/a",
    key: "memory",
    want: "/sys/fs/cgroup/memory/session/7/x/a",
  },
  {
    says: "none, v1: the ID below the caller's own",
    layout: hybrid,
    key: "memory",
    want: "/sys/fs/cgroup/memory/session/7/box",
  },
  { says: "none, v1, caller at the top", layout: hybrid, key: "pids", want: "/sys/fs/cgroup/pids/box" },
  {
    says: "none, v2: the ID beside the caller's own",
    layout: v2,
    key: "",
    want: "/sys/fs/cgroup/user.slice/box",
  },
  { says: "absolute, v2", layout: v2, cgroupsPath: "/a", key: "", want: "/sys/fs/cgroup/a" },
  {
    says: "an attack by ..",
    layout: hybrid,
    cgroupsPath: "/../../../etc",
    key: "memory",
    want: "/sys/fs/cgroup/memory/etc",
  },
  {
    says: "an attack by .. in a relative path",
    layout: hybrid,
    cgroupsPath: "../../../../etc",
    key: "memory",
    want: "/sys/fs/cgroup/memory/session/7/etc",
  },
  {
    says: "an attack by .. in the middle",
    layout: v2,
    cgroupsPath: "a/../../../b",
    key: "",
    want: "/sys/fs/cgroup/user.slice/b",
  },
];

test.each(places)("config-linux.md#cgroups-path: $says", ({ layout, cgroupsPath, key, want }) => {
  const linux: Linux = cgroupsPath === undefined ? {} : { cgroupsPath };
  expect(planCgroup(linux, "box", layout).paths[key]).toBe(want);
});

test("cleanPath() cannot leave the top", () => {
  expect(["/", "..", "/a/../..", "//a/./b/", "a"].map(cleanPath)).toEqual(["", "", "", "/a/b", "/a"]);
});

test("planCgroup() joins by tasks on v1, by the directory on v2 and in the unified hierarchy beside v1", () => {
  const { join } = planCgroup({ cgroupsPath: "/a" }, "box", hybrid);
  expect(join.files.map((path) => path.slice("/sys/fs/cgroup/".length))).toEqual([
    "cpu,cpuacct/a/tasks",
    "cpuset/a/tasks",
    "memory/a/tasks",
    "devices/a/tasks",
    "freezer/a/tasks",
    "pids/a/tasks",
    "systemd/a/tasks",
  ]);
  expect(join.directory).toBe("/sys/fs/cgroup/unified/a");
  expect(planCgroup({ cgroupsPath: "/a" }, "box", v2).join).toEqual({
    files: [],
    directory: "/sys/fs/cgroup/a",
  });
});

/** `file value`, without the container's directory and the device rules. */
function written(resources: Resources, layout: CgroupLayout): string[] {
  return planCgroup({ cgroupsPath: "/a", resources }, "box", layout)
    .limits.filter(({ path }) => !path.includes("devices."))
    .map(({ path, value }) => `${path.slice(path.lastIndexOf("/") + 1)} ${value}`);
}

const limits: { clause: string; says: string; resources: Resources; v1: string[]; v2: string[] }[] = [
  {
    clause: "memory",
    says: "limit",
    resources: { memory: { limit: 64 } },
    v1: ["memory.limit_in_bytes 64"],
    v2: ["memory.max 64"],
  },
  {
    clause: "memory",
    says: "limit and swap: v2 counts swap alone",
    resources: { memory: { limit: 64, swap: 100 } },
    v1: ["memory.limit_in_bytes 64", "memory.memsw.limit_in_bytes 100"],
    v2: ["memory.swap.max 36", "memory.max 64"],
  },
  {
    clause: "memory",
    says: "swap equal to limit: none",
    resources: { memory: { limit: 64, swap: 64 } },
    v1: ["memory.limit_in_bytes 64", "memory.memsw.limit_in_bytes 64"],
    v2: ["memory.swap.max 0", "memory.max 64"],
  },
  {
    clause: "memory",
    says: "no limit means none on swap",
    resources: { memory: { limit: -1 } },
    v1: ["memory.limit_in_bytes -1", "memory.memsw.limit_in_bytes -1"],
    v2: ["memory.swap.max max", "memory.max max"],
  },
  {
    clause: "memory",
    says: "a limit beyond 2^53",
    resources: { memory: { limit: 9223372036854771712n } },
    v1: ["memory.limit_in_bytes 9223372036854771712"],
    v2: ["memory.max 9223372036854771712"],
  },
  {
    clause: "memory",
    says: "zero is unset",
    resources: { memory: { limit: 0, swap: 0, reservation: 0 } },
    v1: [],
    v2: [],
  },
  {
    clause: "memory",
    says: "reservation, oom killer, swappiness",
    resources: { memory: { reservation: 5, disableOOMKiller: true, swappiness: 0 } },
    v1: ["memory.soft_limit_in_bytes 5", "memory.oom_control 1", "memory.swappiness 0"],
    v2: ["memory.low 5"],
  },
  {
    clause: "memory",
    says: "kernel limits are ignored",
    resources: { memory: { kernel: 5, kernelTCP: 5 } },
    v1: [],
    v2: [],
  },
  {
    clause: "cpu",
    says: "shares",
    resources: { cpu: { shares: 1024 } },
    v1: ["cpu.shares 1024"],
    v2: ["cpu.weight 100"],
  },
  {
    clause: "cpu",
    says: "quota and period",
    resources: { cpu: { quota: 50000, period: 100000 } },
    v1: ["cpu.cfs_period_us 100000", "cpu.cfs_quota_us 50000"],
    v2: ["cpu.max 50000 100000"],
  },
  {
    clause: "cpu",
    says: "no quota",
    resources: { cpu: { quota: -1 } },
    v1: ["cpu.cfs_quota_us -1"],
    v2: ["cpu.max max"],
  },
  {
    clause: "cpu",
    says: "burst",
    resources: { cpu: { quota: 2, burst: 1 } },
    v1: ["cpu.cfs_quota_us 2", "cpu.cfs_burst_us 1"],
    v2: ["cpu.max 2", "cpu.max.burst 1"],
  },
  {
    clause: "cpu",
    says: "idle 0 is a value",
    resources: { cpu: { idle: 0 } },
    v1: ["cpu.idle 0"],
    v2: ["cpu.idle 0"],
  },
  {
    clause: "cpu",
    says: "cpuset",
    resources: { cpu: { cpus: "0-1", mems: "0" } },
    v1: ["cpuset.cpus 0-1", "cpuset.mems 0"],
    v2: ["cpuset.cpus 0-1", "cpuset.mems 0"],
  },
  {
    clause: "pids",
    says: "limit",
    resources: { pids: { limit: 7 } },
    v1: ["pids.max 7"],
    v2: ["pids.max 7"],
  },
  {
    clause: "pids",
    says: "no limit",
    resources: { pids: { limit: -1 } },
    v1: ["pids.max max"],
    v2: ["pids.max max"],
  },
  {
    clause: "pids",
    says: "zero allows the one process",
    resources: { pids: { limit: 0 } },
    v1: ["pids.max 1"],
    v2: ["pids.max 1"],
  },
];

test.each(limits)("config-linux.md#$clause: $says", ({ resources, v1, v2: wantV2 }) => {
  expect(written(resources, hybrid)).toEqual(v1);
  expect(written(resources, v2)).toEqual(wantV2);
});

test("config-linux.md#block-io: v2 has one file for throttling and two for weight", () => {
  const resources: Resources = {
    blockIO: {
      weight: 100,
      throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 9 }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 1, rate: 4 }],
    },
  };
  const plan = planCgroup({ cgroupsPath: "/a", resources }, "box", v2).limits;
  expect(plan.map(({ path, value }) => `${path} ${value}`)).toEqual([
    "/sys/fs/cgroup/a/io.bfq.weight 100",
    "/sys/fs/cgroup/a/io.max 8:0 rbps=9",
    "/sys/fs/cgroup/a/io.max 8:1 wiops=4",
  ]);
  expect(plan[0]?.onError?.["ENOENT"]).toMatchObject({ path: "/sys/fs/cgroup/a/io.weight", value: "910" });
});

test("config-linux.md#unified: keys are v2 files, one line each write, and nothing but a file", () => {
  expect(written({ unified: { "memory.high": "5", "io.max": "8:0 rbps=1\n8:1 rbps=2" } }, v2)).toEqual([
    "memory.high 5",
    "io.max 8:0 rbps=1",
    "io.max 8:1 rbps=2",
  ]);
  for (const key of ["../memory.max", "a/b.c", "noparameter"])
    expect(() => written({ unified: { [key]: "1" } }, v2)).toThrow(/the key must be/);
  expect(() => written({ unified: { "memory.max": "1" } }, hybrid)).toThrow(
    "Cannot set linux.resources.unified: invalid configuration: cannot use unified on cgroup v1",
  );
});

const refused: { says: string; resources: Resources; layout: CgroupLayout; want: string }[] = [
  {
    says: "a controller that is not mounted",
    resources: { rdma: { mlx: {} } },
    layout: hybrid,
    want: "Cannot set linux.resources.rdma: no cgroup hierarchy has the controller rdma",
  },
  {
    says: "too many shares",
    resources: { cpu: { shares: 300000 } },
    layout: hybrid,
    want: "the maximum allowed cpu-shares is 262144",
  },
  {
    says: "too few shares",
    resources: { cpu: { shares: 1 } },
    layout: hybrid,
    want: "the minimum allowed cpu-shares is 2",
  },
  {
    says: "swappiness over 100",
    resources: { memory: { swappiness: 101 } },
    layout: hybrid,
    want: "valid are 0 to 100",
  },
  {
    says: "less swap than memory",
    resources: { memory: { limit: 9, swap: 8 } },
    layout: v2,
    want: "memory+swap limit should be >= memory limit",
  },
  {
    says: "less swap than memory on v1, where the kernel only says EINVAL",
    resources: { memory: { limit: 9, swap: 8 } },
    layout: hybrid,
    want: "memory+swap limit should be >= memory limit",
  },
  {
    says: "swap without memory",
    resources: { memory: { swap: 8 } },
    layout: v2,
    want: "unable to set swap limit without memory limit",
  },
  {
    says: "a page size that leaves the directory",
    resources: { hugepageLimits: [{ pageSize: "../x", limit: 1 }] },
    layout: v2,
    want: "a page size is written as 2MB",
  },
];

test.each(refused)("planCgroup() refuses $says", ({ resources, layout, want }) => {
  expect(() => planCgroup({ resources }, "box", layout)).toThrow(want);
});

test("planUpdate() writes limits to the same files and never devices", () => {
  const resources: Resources = { pids: { limit: 9 }, devices: [{ allow: true, access: "rwm" }] };
  for (const layout of [hybrid, v2]) {
    const { paths } = planCgroup({ cgroupsPath: "/a" }, "box", layout);
    expect(planUpdate(resources, paths, layout).map(({ value }) => value)).toEqual(["9"]);
  }
});

// What broke: `update --memory 0` wrote 0 on v1, `--cpu-share 0` was refused: amounts of the command line are bigints.
test.each([0, 0n])("planUpdate() takes %p for not set", (zero) => {
  const resources: Resources = {
    memory: { limit: zero, swap: zero, reservation: zero },
    cpu: { shares: zero, period: zero, quota: zero, realtimePeriod: zero, realtimeRuntime: zero },
  };
  for (const layout of [hybrid, v2]) {
    const { paths } = planCgroup({ cgroupsPath: "/a" }, "box", layout);
    expect(planUpdate(resources, paths, layout)).toEqual([]);
  }
});

test.each([
  [2, 1],
  [1024, 100],
  [262144, 10000],
  [1, 1],
  [512, 59],
  [2048, 174],
])("cpuWeight() of %d shares is %d", (shares, weight) => {
  expect(cpuWeight(shares)).toBe(weight);
});

test("ioWeight() maps both ends", () => {
  expect([10, 100, 1000].map(ioWeight)).toEqual([1, 910, 10000]);
});

const ALWAYS = [
  "c *:* m",
  "b *:* m",
  "c 1:3 rwm",
  "c 1:8 rwm",
  "c 1:7 rwm",
  "c 5:0 rwm",
  "c 1:5 rwm",
  "c 1:9 rwm",
  "c 136:* rwm",
  "c 5:2 rwm",
  "c 10:200 rwm",
];
const rules: { says: string; rules: DeviceRule[]; allowsByDefault?: true; want: string[] }[] = [
  { says: "no rules: the default devices only", rules: [], want: ALWAYS },
  { says: "deny all: the default devices only", rules: [{ allow: false, access: "rwm" }], want: ALWAYS },
  {
    says: "one more device",
    rules: [{ allow: false }, { allow: true, type: "b", major: 8, minor: 0, access: "r" }],
    want: ["b 8:0 r", ...ALWAYS],
  },
  {
    says: "access adds up",
    rules: [
      { allow: true, type: "b", major: 8, minor: 0, access: "m" },
      { allow: true, type: "b", major: 8, minor: 0, access: "r" },
    ],
    want: ["b 8:0 rm", ...ALWAYS],
  },
  {
    says: "the later rule wins",
    rules: [
      { allow: true, type: "b", major: 8, minor: 0, access: "rw" },
      { allow: false, type: "b", major: 8, access: "w" },
    ],
    want: ["b 8:0 r", ...ALWAYS],
  },
  {
    says: "deny all forgets what came before",
    rules: [
      { allow: true, type: "b", major: 8, minor: 0, access: "rw" },
      { allow: false, access: "rwm" },
    ],
    want: ALWAYS,
  },
  { says: "allow all", rules: [{ allow: true, access: "rwm" }], allowsByDefault: true, want: [] },
  {
    says: "allow all but one",
    rules: [
      { allow: true, access: "rwm" },
      { allow: false, type: "b", major: 8, minor: 0, access: "rw" },
    ],
    allowsByDefault: true,
    want: ["b 8:0 rw"],
  },
  {
    says: "type a with less than everything gives no more than it says",
    rules: [{ allow: true, type: "a", access: "r" }],
    want: ["b *:* rm", "c *:* rm", ...ALWAYS.slice(2)],
  },
];

test.each(rules)(
  "config-linux.md#allowed-device-list: $says",
  ({ rules: given, allowsByDefault = false, want }) => {
    const policy = devicePolicy(given);
    expect(policy.allowsByDefault).toBe(allowsByDefault);
    expect(policy.exceptions.map(encodeDeviceException)).toEqual(want);
  },
);

test("devicePolicy() refuses a rule that would take a part out of a wildcard", () => {
  const given: DeviceRule[] = [
    { allow: true, type: "b", major: 8, access: "rw" },
    { allow: false, type: "b", major: 8, minor: 0, access: "w" },
  ];
  expect(() => devicePolicy(given)).toThrow(
    "Unsupported device rule b 8:0 w: it takes a part out of b 8:* rw",
  );
});

test("devicePolicy() leaves out the default device that the container defines itself", () => {
  const policy = devicePolicy([], [{ path: "/dev/null", type: "c", major: 1, minor: 3 }]);
  expect(policy.exceptions.map(encodeDeviceException)).not.toContain("c 1:3 rwm");
});

test("planCgroup() writes v1 devices from nothing up, and plans a program on v2", () => {
  const linux: Linux = { cgroupsPath: "/a", resources: { devices: [{ allow: false, access: "rwm" }] } };
  const v1 = planCgroup(linux, "box", hybrid).limits.map(
    ({ path, value }) => `${path.slice("/sys/fs/cgroup/devices/a/".length)} ${value}`,
  );
  expect(v1.slice(0, 3)).toEqual(["devices.deny a", "devices.allow c *:* m", "devices.allow b *:* m"]);
  expect(v1).toHaveLength(1 + ALWAYS.length);
  const plan = planCgroup(linux, "box", v2);
  expect(plan.limits).toEqual([]);
  expect(plan.deviceProgram?.policy.exceptions).toHaveLength(ALWAYS.length);
});
