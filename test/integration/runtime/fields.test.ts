/**
 * A document that the kernel refuses, not the validator: the error names the member of config.json that asked for the call
 * that failed, and nothing is left behind.
 */
import { describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { needs, program, root } from "../../support/needs.ts";
import {
  type Change,
  changes,
  mount,
  withLinux,
  withMounts,
  withNewNamespace,
  withProcess,
  withResources,
  withUserNamespace,
} from "../support/bundle.ts";
import { Container, TESTED } from "../support/runtime.ts";

// What a field is called in an error is for every runtime to decide.
const test = TESTED.name === "teu" ? needs(root, program("busybox")) : needs(root).skip;

/** How many mounts the base document has: those that are added come after. */
const FIRST = 7;
const user = (uid: number, gid: number, ...additionalGids: number[]): Change =>
  changes(withUserNamespace(100_000), withProcess({ user: { uid, gid, additionalGids } }));

const cases: { names: string; says: string; change: Change }[] = [
  {
    names: `mounts[${FIRST}].type /m`,
    says: "a file system that the kernel has not",
    change: withMounts(mount("/m", "nosuchfs", "x")),
  },
  {
    names: `mounts[${FIRST}].options /m`,
    says: "a size that is none",
    change: withMounts(mount("/m", "tmpfs", "tmpfs", "size=lots")),
  },
  {
    names: `mounts[${FIRST}].options /m`,
    says: "an option that the file system has not",
    change: withMounts(mount("/m", "tmpfs", "tmpfs", "nosuchoption=1")),
  },
  {
    names: `mounts[${FIRST + 1}].options /n`,
    says: "the second of two mounts",
    change: withMounts(mount("/m", "tmpfs", "tmpfs"), mount("/n", "tmpfs", "tmpfs", "mode=abc")),
  },
  {
    names: `mounts[${FIRST}].destination /etc/passwd`,
    says: "a directory where a file is",
    change: withMounts(mount("/etc/passwd", "tmpfs", "tmpfs")),
  },
  {
    names: `mounts[${FIRST + 1}].destination /m/a/b/c`,
    says: "a destination that has to be made where nothing can be",
    change: withMounts(mount("/m", "tmpfs", "tmpfs", "nr_inodes=2"), mount("/m/a/b/c", "tmpfs", "tmpfs")),
  },
  {
    names: `mounts[${FIRST}].source: stat /no/such/source`,
    says: "a source that is missing",
    change: withMounts(mount("/m", "bind", "/no/such/source", "bind")),
  },
  { names: "process.user.uid", says: "a user outside the map", change: user(70_000, 0) },
  { names: "process.user.gid", says: "a group outside the map", change: user(0, 70_000) },
  { names: "process.user.additionalGids", says: "more groups outside it", change: user(0, 0, 70_000) },
  { names: "process.cwd", says: "a file to work in", change: withProcess({ cwd: "/etc/passwd" }) },
  {
    names: "process.rlimits[1]",
    says: "more files than the kernel has",
    change: withProcess({
      rlimits: [
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
        { type: "RLIMIT_NOFILE", soft: 2 ** 40, hard: 2 ** 40 },
      ],
    }),
  },
  {
    names: "process.scheduler",
    says: "a deadline before its runtime",
    change: withProcess({
      scheduler: { policy: "SCHED_DEADLINE", runtime: 10_000_000, deadline: 5_000_000, period: 5_000_000 },
    }),
  },
  {
    names: 'linux.sysctl["net.ipv4.nosuch"]',
    says: "a sysctl that the kernel has not",
    change: withLinux({ sysctl: { "net.ipv4.nosuch": "1" } }),
  },
  {
    names: 'linux.sysctl["net.ipv4.ip_forward"]',
    says: "a value that is none",
    change: withLinux({ sysctl: { "net.ipv4.ip_forward": "much" } }),
  },
  {
    names: "linux.devices[0] /etc/passwd/x",
    says: "a device below a file",
    change: withLinux({ devices: [{ path: "/etc/passwd/x", type: "c", major: 1, minor: 3 }] }),
  },
  {
    names: "linux.resources.cpu.quota",
    says: "a quota below the smallest",
    change: withResources({ cpu: { quota: 1, period: 100_000 } }),
  },
  {
    names: "linux.resources.cpu.cpus",
    says: "a CPU that nobody has",
    change: withResources({ cpu: { cpus: "8000" } }),
  },
  {
    names: "linux.cgroupsPath",
    says: "a path longer than paths are",
    change: withLinux({ cgroupsPath: `/${"x".repeat(5000)}` }),
  },
  {
    names: "linux.uidMappings",
    says: "one id twice",
    change: changes(
      withUserNamespace(100_000),
      withLinux({
        uidMappings: [
          { containerID: 0, hostID: 100_000, size: 10 },
          { containerID: 5, hostID: 200_000, size: 10 },
        ],
      }),
    ),
  },
  {
    names: "linux.timeOffsets",
    says: "a clock before its beginning",
    change: changes(
      withNewNamespace("time"),
      withLinux({ timeOffsets: { monotonic: { secs: -(2 ** 40), nanosecs: 0 } } }),
    ),
  },
  {
    names: "linux.memoryPolicy",
    says: "a node that the machine has not",
    change: withLinux({ memoryPolicy: { mode: "MPOL_BIND", nodes: "1000" } }),
  },
  {
    names: "linux.readonlyPaths[0] /etc/passwd/x",
    says: "a path below a file",
    change: withLinux({ readonlyPaths: ["/etc/passwd/x"] }),
  },
  {
    names: "root.path",
    says: "a root that is missing",
    change: (config) => ({ ...config, root: { path: "no" } }),
  },
];

describe("the error names what asked for it", () => {
  test.each(cases)("$names: $says", async ({ names, change }) => {
    await using container = new Container();
    container.configure("true", change);
    const { status, stderr } = await container.run();
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(names) });
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });
});
