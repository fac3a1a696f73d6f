import { expect, test } from "bun:test";
import type { Mount, Namespace } from "../../spec/index.ts";
import { bindUnowned, lockCallersCgroup } from "./unowned.ts";

const SYS: Mount = { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "ro"] };
const PROC: Mount = { destination: "/proc", type: "proc", source: "proc" };
const BOUND_SYS = { destination: "/sys", type: "bind", source: "/sys", options: ["rbind", "nosuid", "rro"] };
const BOUND_PROC = { destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] };
const types = (...names: Namespace["type"][]): Namespace[] => names.map((type) => ({ type }));

test.each([
  ["without a user namespace all is the host's to mount", types("mount"), [SYS, PROC]],
  ["what is new belongs to the user namespace", types("user", "network", "pid"), [SYS, PROC]],
  ["the host's network shows in the host's /sys", types("user", "pid"), [BOUND_SYS, PROC]],
  ["the host's processes show in the host's /proc", types("user", "network"), [SYS, BOUND_PROC]],
  [
    "what is joined may belong to it",
    [...types("user", "pid"), { type: "network" as const, path: "/run/netns/x" }],
    [SYS, PROC],
  ],
])("bindUnowned(): %s", (_, namespaces, want) => {
  expect(bindUnowned([SYS, PROC], namespaces)).toEqual(want);
});

test("lockCallersCgroup() leaves no cgroup file system writable (2023-25809)", () => {
  const cgroup = (type: string, ...options: string[]): Mount => ({
    destination: "/sys/fs/cgroup",
    type,
    options,
  });
  expect(lockCallersCgroup([SYS, cgroup("cgroup", "rw", "nosuid"), cgroup("cgroup2")])).toEqual([
    SYS,
    cgroup("cgroup", "nosuid", "ro"),
    cgroup("cgroup2", "ro"),
  ]);
});
