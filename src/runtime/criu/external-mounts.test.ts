/** Which mounts of a container are the host's, and how they are called. This process stands in for the container's. */
import { describe, expect, test } from "bun:test";
import type { RuntimeConfig } from "../../spec/index.ts";
import { type CgroupsOnHost, mountsToDump, mountsToRestore } from "./external-mounts.ts";

const V1: CgroupsOnHost = {
  layout: {
    v1: [
      { controllers: ["cpu", "cpuacct"], mountPoint: "/sys/fs/cgroup/cpu,cpuacct", own: "/" },
      { controllers: ["name=systemd"], mountPoint: "/sys/fs/cgroup/systemd", own: "/mine" },
    ],
  },
  paths: { cpu: "/sys/fs/cgroup/cpu,cpuacct/box" },
};
const V2: CgroupsOnHost = {
  layout: { v1: [], unified: { controllers: [], mountPoint: "/sys/fs/cgroup", own: "/mine" } },
  paths: { "": "/sys/fs/cgroup/box" },
};
const CGROUP = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" };

function config(mounts: RuntimeConfig["mounts"], linux: RuntimeConfig["linux"] = {}): RuntimeConfig {
  return { ociVersion: "1.0.0", mounts: mounts ?? [], linux };
}

describe("mountsToRestore()", () => {
  test.each([
    {
      says: "binds by type or option, their sources from the bundle on; nothing else, no change of what is mounted",
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/a/../b", type: "bind", source: "data" },
        { destination: "/c", source: "/host", options: ["rbind", "ro"] },
        { destination: "/c", source: "/host", options: ["bind", "remount", "ro"] },
        { destination: "/t", type: "tmpfs", source: "tmpfs" },
      ],
      linux: {},
      cgroups: V1,
      want: [
        { key: "/b", val: "/bundle/data" },
        { key: "/c", val: "/host" },
      ],
    },
    {
      says: "each hierarchy of v1, where the container is or where its creator is",
      mounts: [CGROUP],
      linux: {},
      cgroups: V1,
      want: [
        { key: "/sys/fs/cgroup/cpu,cpuacct", val: "/sys/fs/cgroup/cpu,cpuacct/box" },
        { key: "/sys/fs/cgroup/systemd", val: "/sys/fs/cgroup/systemd/mine" },
      ],
    },
    {
      says: "the container's directory of v2",
      mounts: [CGROUP],
      linux: {},
      cgroups: V2,
      want: [{ key: "/sys/fs/cgroup", val: "/sys/fs/cgroup/box" }],
    },
    {
      says: "no cgroups in a namespace of its own",
      mounts: [CGROUP],
      linux: { namespaces: [{ type: "cgroup" as const }] },
      cgroups: V2,
      want: [],
    },
    {
      says: "the null device, where paths are masked",
      mounts: [],
      linux: { maskedPaths: ["/proc/kcore"] },
      cgroups: V2,
      want: [{ key: "/dev/null", val: "/dev/null" }],
    },
  ])("$says", ({ mounts, linux, cgroups, want }) => {
    expect(mountsToRestore(config(mounts, linux), "/bundle", cgroups)).toEqual([...want]);
  });

  test("in a user namespace every device is bound, and sysfs, where the network is the host's", () => {
    const linux = {
      namespaces: [{ type: "user" as const }],
      devices: [{ path: "/dev/fuse", type: "c" as const, major: 10, minor: 229 }],
    };
    const sys = { destination: "/sys", type: "sysfs", source: "sysfs" };
    const all = mountsToRestore(config([sys], linux), "/bundle", V2);
    expect(all).toContainEqual({ key: "/sys", val: "/sys" });
    expect(all).toContainEqual({ key: "/dev/null", val: "/dev/null" });
    expect(all).toContainEqual({ key: "/dev/fuse", val: "/dev/fuse" });
  });
});

describe("mountsToDump()", () => {
  test("the place is where the destination leads inside, the name is the destination", () => {
    // /proc/self is a link in any root.
    const mounts = [{ destination: "/proc/self/cwd/../x", type: "bind", source: "/host" }];
    const [found] = mountsToDump(
      config([{ destination: "/nobody/here", type: "bind", source: "/h" }]),
      "/b",
      V2,
      process.pid,
    );
    expect(found).toEqual({ key: "/nobody/here", val: "/nobody/here" });
    const [behind] = mountsToDump(config(mounts), "/b", V2, process.pid);
    expect(behind?.val).toBe("/proc/self/x");
    expect(behind?.key).toMatch(/^\/proc\/\d+\/x$/);
  });

  test("of masked paths those that are covered by a device, not directories, not what is missing", () => {
    const masked = config([], { maskedPaths: ["/dev/null", "/proc", "/nobody/here"] });
    expect(mountsToDump(masked, "/b", V2, process.pid)).toEqual([{ key: "/dev/null", val: "/dev/null" }]);
  });

  test.each([
    { destination: "/a", source: "/a", options: ["bind", "idmap"] },
    {
      destination: "/a",
      source: "/a",
      options: ["bind"],
      uidMappings: [{ containerID: 0, hostID: 1, size: 1 }],
    },
  ])("ids that are mapped are refused by the field", (mount) => {
    const fine = { destination: "/proc", type: "proc", source: "proc" };
    expect(() => mountsToDump(config([fine, mount]), "/b", V2, process.pid)).toThrow(
      "Unsupported mounts[1] /a: CRIU cannot restore the mapped ids of a mount",
    );
  });
});
