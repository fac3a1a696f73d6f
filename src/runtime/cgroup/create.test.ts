/** Drives the kernel: makes cgroups below one of its own in every hierarchy. Needs root. */
import { afterAll, expect, test } from "bun:test";
import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import type { Resources } from "../../spec/index.ts";
import { childEnded, spawn } from "../../sys/index.ts";
import { createCgroup } from "./create.ts";
import { attachDevices } from "./device-attach.ts";
import { writeAllToCgroup } from "./file.ts";
import { freeze, isFrozen, thaw } from "./freezer.ts";
import { readCgroupLayout } from "./layout.ts";
import { type CgroupPlan, planCgroup, planUpdate } from "./plan.ts";
import { cgroupPids, killCgroup } from "./processes.ts";
import { removeCgroup } from "./remove.ts";

const noRoot = process.getuid?.() !== 0;
const noV1 = noRoot || readCgroupLayout().v1.length === 0;
if (noRoot) console.log("skip: making cgroups needs root");
else if (noV1) console.log("skip: joining from a test by open files needs cgroup v1");

const PARENT = `/teu-test-${process.pid}`;
const plans: CgroupPlan[] = [];

function plan(name: string, resources: Resources = {}): CgroupPlan {
  const made = planCgroup({ cgroupsPath: `${PARENT}/${name}`, resources }, "unused", readCgroupLayout());
  plans.push(made);
  return made;
}

/** A process inside the plan's cgroups. */
function enter(made: CgroupPlan): Bun.Subprocess {
  const child = Bun.spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore"] });
  const { files, directory } = made.join;
  for (const path of directory === undefined ? files : [...files, `${directory}/cgroup.procs`])
    writeFileSync(path, String(child.pid));
  return child;
}

afterAll(() => {
  if (noRoot) return;
  for (const { paths } of plans) killCgroup(paths);
  const { paths } = planCgroup({ cgroupsPath: PARENT }, "unused", readCgroupLayout());
  removeCgroup(paths);
  const left = Object.values(paths).filter((path) => existsSync(path));
  if (left.length > 0) throw new Error(`left behind: ${left}`);
});

test.skipIf(noV1)(
  "createCgroup() gives CPUs and memory nodes to the cgroups above it that somebody left empty",
  async () => {
    const pod = plan("pod");
    for (const { path } of pod.directories) mkdirSync(path, { recursive: true });
    const cpuset = (name: string): string =>
      readFileSync(`${pod.paths["cpuset"]}/${name}/cpuset.cpus`, "utf8").trim();
    expect(cpuset(".")).toBe("");
    createCgroup(plan("pod/one"));
    expect(cpuset("one")).toBe(cpuset("."));
    expect(cpuset(".")).not.toBe("");
  },
);

test.skipIf(noV1)(
  "a process joins every hierarchy, is limited, counted, paused, updated, killed, and nothing stays",
  async () => {
    const made = plan("whole", {
      memory: { limit: 64 << 20, swap: 64 << 20 },
      cpu: { shares: 512, quota: 50000, period: 100000 },
      pids: { limit: 9 },
      devices: [{ allow: false, access: "rwm" }],
    });
    createCgroup(made);
    const child = enter(made);
    writeAllToCgroup(made.limits);
    const membership = readFileSync(`/proc/${child.pid}/cgroup`, "utf8").trim().split("\n");
    expect(membership.filter((line) => !line.endsWith(`${PARENT}/whole`))).toEqual([]);
    const read = (controller: string, file: string): string =>
      readFileSync(`${made.paths[controller]}/${file}`, "utf8").trim();
    expect(read("memory", "memory.limit_in_bytes")).toBe(String(64 << 20));
    expect(read("cpu", "cpu.cfs_quota_us")).toBe("50000");
    expect(read("pids", "pids.max")).toBe("9");
    expect(read("devices", "devices.list").split("\n")).toContain("c 1:3 rwm");
    expect(read("devices", "devices.list")).not.toContain("a *:*");
    expect(cgroupPids(made.paths)).toEqual([child.pid]);

    freeze(made.paths);
    expect(isFrozen(made.paths)).toBe(true);
    thaw(made.paths);
    expect(isFrozen(made.paths)).toBe(false);

    // Up, where the limit must follow memory plus swap, and down again, where it must lead.
    for (const size of [256 << 20, 32 << 20]) {
      writeAllToCgroup(planUpdate({ memory: { limit: size, swap: size } }, made.paths, readCgroupLayout()));
      expect(read("memory", "memory.memsw.limit_in_bytes")).toBe(String(size));
    }

    freeze(made.paths);
    killCgroup(made.paths);
    await child.exited;
    expect(cgroupPids(made.paths)).toEqual([]);
    removeCgroup(made.paths);
    expect(Object.values(made.paths).filter((path) => existsSync(path))).toEqual([]);
    removeCgroup(made.paths); // what is gone is no failure
  },
);

test.skipIf(noRoot)("createCgroup() leaves nothing behind when one directory cannot be made", () => {
  const made = plan("broken");
  const last = made.directories.at(-1);
  if (last === undefined) throw new Error("no hierarchy");
  const broken = {
    ...made,
    directories: [...made.directories.slice(0, -1), { ...last, path: `${last.path}/new\nline` }],
  };
  expect(() => createCgroup(broken)).toThrow("new\nline: EINVAL");
  expect(Object.values(made.paths).filter((path) => existsSync(path))).toEqual([]);
});

test.skipIf(noV1)("createCgroup() takes an empty cgroup that exists, and refuses one in use", async () => {
  const made = plan("twice");
  createCgroup(made);
  createCgroup(made);
  const child = enter(made);
  expect(() => createCgroup(made)).toThrow("container's cgroup is not empty: 1 process(es) found");
  killCgroup(made.paths);
  await child.exited;
});

test.skipIf(noV1)("a limit that the kernel refuses names the field, the file and the errno", () => {
  const made = plan("refused", { cpu: { cpus: "4095" } });
  expect(() => createCgroup(made)).toThrow(
    /^Cannot set linux.resources.cpu.cpus: writing "4095" to .*cpuset.cpus: (EINVAL|ERANGE)$/,
  );
});

const noV2 = noRoot || readCgroupLayout().v1.length > 0;
if (!noRoot && noV2) console.log("skip: device programs need a machine with cgroup v2 alone");

test.skipIf(noV2)("a device program lets default devices through and nothing else", async () => {
  const made = plan("devices", { devices: [{ allow: false, access: "rwm" }] });
  createCgroup(made);
  attachDevices(made);
  const directory = openSync(made.join.directory ?? "", constants.O_DIRECTORY);
  const shell = openSync("/bin/sh", "r");
  const statusOf = async (script: string): Promise<number> => {
    const argv = ["sh", "-c", script];
    const child = spawn({ executable: shell, argv, env: [], descriptors: [-1, -1, -1], cgroup: directory });
    closeSync(child.pidfd);
    return (await childEnded(child.pid)).status;
  };
  expect(await statusOf("exec 3</dev/null")).toBe(0);
  expect(await statusOf("exec 3</dev/zero 4>/dev/full")).toBe(0);
  expect(await statusOf("exec 3</dev/kmsg")).not.toBe(0);
  for (const descriptor of [directory, shell]) closeSync(descriptor);
});

test.skipIf(noV2)("a device program takes the place of those that a cgroup had", async () => {
  const kmsg = { allow: true, type: "c", major: 1, minor: 11, access: "r" } as const;
  const before = plan("replaced", { devices: [{ allow: false, access: "rwm" }] });
  createCgroup(before);
  const shell = openSync("/bin/sh", "r");
  const canRead = async (made: CgroupPlan): Promise<boolean> => {
    attachDevices(made);
    const cgroup = openSync(made.join.directory ?? "", constants.O_DIRECTORY);
    const argv = ["sh", "-c", "exec 3</dev/kmsg"];
    const child = spawn({ executable: shell, argv, env: [], descriptors: [-1, -1, -1], cgroup });
    for (const descriptor of [child.pidfd, cgroup]) closeSync(descriptor);
    return (await childEnded(child.pid)).status === 0;
  };
  expect(await canRead(before)).toBe(false);
  expect(await canRead(plan("replaced", { devices: [{ allow: false, access: "rwm" }, kmsg] }))).toBe(true);
  expect(await canRead(before)).toBe(false);
  closeSync(shell);
});

test.skipIf(noV2)("limits of v2 are written, and its controllers passed down", () => {
  const made = plan("limits", {
    memory: { limit: 64 << 20, swap: 64 << 20 },
    pids: { limit: 9 },
    cpu: { shares: 512, quota: 50000 },
  });
  createCgroup(made);
  writeAllToCgroup(made.limits);
  const read = (file: string): string => readFileSync(`${made.paths[""]}/${file}`, "utf8").trim();
  expect(read("memory.max")).toBe(String(64 << 20));
  expect(read("pids.max")).toBe("9");
  expect(read("cpu.max")).toBe("50000 100000");
  expect(read("cpu.weight")).toBe("59");
});
