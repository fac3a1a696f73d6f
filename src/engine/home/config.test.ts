import { expect, test } from "bun:test";
import type { RuntimeConfig } from "../../spec/index.ts";
import { asInHome } from "./config.ts";

const MACHINE = { nodeOf: () => "/dev/here", hasMessageQueues: true };

const CONFIG = {
  ociVersion: "1.0.2",
  process: { cwd: "/", args: ["x"], user: { uid: 0, gid: 0, additionalGids: [0, 7] }, oomScoreAdj: 0 },
  mounts: [
    { destination: "/sys", type: "sysfs", source: "sysfs" },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["mode=0620", "gid=5"] },
  ],
  linux: { cgroupsPath: "/teu/1", namespaces: [{ type: "pid" }], resources: { devices: [{ allow: false }] } },
} satisfies RuntimeConfig;

test("asInHome() leaves out what root of a user namespace cannot have", () => {
  const made = asInHome(CONFIG, { ids: 1, oomScoreAdj: 100, ...MACHINE });
  expect(made.linux).not.toHaveProperty("cgroupsPath");
  expect(made.process).toMatchObject({ user: { uid: 0, gid: 0 }, oomScoreAdj: 100 });
  expect(made.process?.user).not.toHaveProperty("additionalGids");
  expect(made.mounts).toMatchObject([
    { destination: "/sys", type: "bind", source: "/sys" },
    { destination: "/dev/pts", options: ["mode=0620"] },
  ]);
});

test("asInHome() keeps what it can have", () => {
  const linux = { ...CONFIG.linux, namespaces: [{ type: "network" as const }] };
  const made = asInHome(
    { ...CONFIG, linux },
    { ids: 65_537, oomScoreAdj: 0, ...MACHINE, cgroupsPath: "/user/1" },
  );
  expect(made.linux?.cgroupsPath).toBe("/user/1");
  expect(made.mounts).toEqual(CONFIG.mounts);
  expect(made.process?.user).toEqual(CONFIG.process.user);
});

test("asInHome() refuses a limit without cgroups, and ids that are not there", () => {
  const linux = { resources: { memory: { limit: 1 } } };
  expect(() => asInHome({ ...CONFIG, linux }, { ids: 1, oomScoreAdj: 0, ...MACHINE })).toThrow(
    "Cannot limit memory: this user may make no cgroups",
  );
  const lower = { ...CONFIG, process: { ...CONFIG.process, oomScoreAdj: -5 } };
  expect(() => asInHome(lower, { ids: 1, oomScoreAdj: 0, ...MACHINE })).toThrow(
    "Cannot set --oom-score-adj -5",
  );
  const process = { ...CONFIG.process, user: { uid: 5, gid: 0 } };
  expect(() => asInHome({ ...CONFIG, process }, { ids: 1, oomScoreAdj: 0, ...MACHINE })).toThrow(
    "Cannot run as user or group 5",
  );
});

test("asInHome() shows a device of another name by a mount, and what it shares with the machine as it is", () => {
  const device = { type: "c" as const, path: "/dev/there", major: 1, minor: 3 };
  const linux = { namespaces: [], devices: [device, { ...device, path: "/dev/here" }] };
  const mounts = [{ destination: "/proc", type: "proc", source: "proc" }];
  const made = asInHome({ ...CONFIG, mounts, linux }, { ids: 9, oomScoreAdj: 0, ...MACHINE });
  expect(made.linux?.devices?.map(({ path }) => path)).toEqual(["/dev/here"]);
  expect(made.mounts?.map(({ source, destination }) => [source, destination])).toEqual([
    ["/proc", "/proc"],
    ["/dev/here", "/dev/there"],
  ]);
});
