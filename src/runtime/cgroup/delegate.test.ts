import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RuntimeConfig } from "../../spec/index.ts";
import { cgroupOwner, delegateCgroup } from "./delegate.ts";

const mount = { destination: "/sys/fs/cgroup/", type: "cgroup", options: ["nosuid", "ro", "rw"] };
const delegated: RuntimeConfig = {
  ociVersion: "1.3.0",
  process: { cwd: "/", user: { uid: 7, gid: 0 } },
  mounts: [mount],
  linux: {
    namespaces: [{ type: "user" }, { type: "cgroup" }],
    uidMappings: [
      { containerID: 0, hostID: 1000, size: 1 },
      { containerID: 1, hostID: 100000, size: 100 },
    ],
  },
};

const cases: { says: string; change: Partial<RuntimeConfig>; want: number | undefined }[] = [
  { says: "the process's user, as the host knows it", change: {}, want: 100006 },
  { says: "root of the container", change: { process: { cwd: "/", user: { uid: 0, gid: 0 } } }, want: 1000 },
  {
    says: "nobody for a user that is not mapped",
    change: { process: { cwd: "/", user: { uid: 101, gid: 0 } } },
    want: undefined,
  },
  {
    says: "nobody when the mount is read-only",
    change: { mounts: [{ ...mount, options: ["rw", "ro"] }] },
    want: undefined,
  },
  { says: "nobody without the mount", change: { mounts: [] }, want: undefined },
  {
    says: "nobody without a cgroup namespace of its own",
    change: {
      linux: {
        ...delegated.linux,
        namespaces: [{ type: "user" }, { type: "cgroup", path: "/proc/1/ns/cgroup" }],
      },
    },
    want: undefined,
  },
  {
    says: "nobody without a user namespace",
    change: { linux: { ...delegated.linux, namespaces: [{ type: "cgroup" }] } },
    want: undefined,
  },
];

test.each(cases)("config-linux.md#cgroup-ownership: $says", ({ change, want }) => {
  expect(cgroupOwner({ ...delegated, ...change })).toBe(want);
});

test.skipIf(process.getuid?.() !== 0)(
  "delegateCgroup() changes the directory and what the kernel lists, on v2 alone",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "teu-delegate-"));
    try {
      const files = ["cgroup.procs", "memory.max", "memory.oom.group"];
      for (const file of files) writeFileSync(join(folder, file), "");
      const list = join(folder, "list");
      writeFileSync(list, "cgroup.procs\nmemory.oom.group\nmemory.reclaim\n");
      const owners = (): number[] => ["", ...files].map((file) => statSync(join(folder, file)).uid);
      delegateCgroup({ "": folder, memory: folder }, 1234, list);
      delegateCgroup({ "": folder }, undefined, list);
      expect(owners()).toEqual([0, 0, 0, 0]);
      delegateCgroup({ "": folder }, 1234, list);
      expect(owners()).toEqual([1234, 1234, 0, 1234]);
      delegateCgroup({ "": folder }, 99, join(folder, "no-list"));
      expect(owners()).toEqual([99, 99, 0, 1234]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
