/** Which protections a document leaves out, and that those it has are not told. */
import { describe, expect, test } from "bun:test";
import type { RuntimeConfig } from "../spec/index.ts";
import { openings } from "./openings.ts";

const TYPES = ["pid", "network", "ipc", "uts", "cgroup", "user", "mount"] as const;

/** Nothing is open. */
const CLOSED: RuntimeConfig = {
  ociVersion: "1.3.0",
  process: {
    user: { uid: 1000, gid: 1000 },
    cwd: "/",
    args: ["true"],
    noNewPrivileges: true,
    apparmorProfile: "box",
    capabilities: { bounding: ["CAP_KILL"] },
  },
  root: { path: "rootfs", readonly: true },
  mounts: [{ destination: "/data", source: "/srv", type: "bind", options: ["ro"] }],
  linux: {
    namespaces: TYPES.map((type) => ({ type })),
    resources: {
      memory: { limit: 1 << 20 },
      pids: { limit: 10 },
      devices: [{ allow: false, access: "rwm" }],
    },
    seccomp: { defaultAction: "SCMP_ACT_ERRNO" },
    maskedPaths: ["/proc/kcore"],
    readonlyPaths: ["/proc/sys"],
  },
};
const { process, linux } = CLOSED;
if (process === undefined || linux === undefined) throw new Error("it has both");

describe("openings()", () => {
  test("tells nothing of what is closed", () => {
    expect(openings(CLOSED)).toEqual([]);
  });

  test.each([
    { field: "process.user", config: { process: { ...process, user: { uid: 0, gid: 0 } } } },
    {
      field: "process.capabilities",
      config: { process: { ...process, capabilities: { bounding: ["CAP_KILL", "CAP_SYS_ADMIN"] } } },
    },
    { field: "process.noNewPrivileges", config: { process: { ...process, noNewPrivileges: false } } },
    { field: "process.apparmorProfile", config: { process: { ...process, apparmorProfile: "" } } },
    { field: "root.readonly", config: { root: { path: "rootfs" } } },
    {
      field: "mounts[0] /data",
      config: { mounts: [{ destination: "/data", source: "/srv", options: ["rbind"] }] },
    },
    ...TYPES.slice(0, -1).map((missing) => ({
      field: `linux.namespaces, ${missing}`,
      config: {
        linux: { ...linux, namespaces: TYPES.filter((type) => type !== missing).map((type) => ({ type })) },
      },
    })),
    {
      field: "linux.resources.memory.limit",
      config: { linux: { ...linux, resources: { ...linux.resources, memory: { limit: -1 } } } },
    },
    {
      field: "linux.resources.pids.limit",
      config: { linux: { ...linux, resources: { memory: { limit: 1 } } } },
    },
    {
      field: "linux.resources.devices",
      config: {
        linux: { ...linux, resources: { ...linux.resources, devices: [{ allow: true, access: "rwm" }] } },
      },
    },
    { field: "linux.maskedPaths", config: { linux: { ...linux, maskedPaths: [] } } },
    { field: "linux.readonlyPaths", config: { linux: { ...linux, readonlyPaths: [] } } },
  ])("$field", ({ field, config }) => {
    expect(openings({ ...CLOSED, ...config }).map((opening) => opening.field)).toEqual([field]);
  });

  test("linux.seccomp", () => {
    const { seccomp: _, ...others } = linux;
    expect(openings({ ...CLOSED, linux: others })).toEqual([
      { field: "linux.seccomp", says: "it may make every system call" },
    ]);
  });
});
