/** How init becomes a criu that restores, read from the compiled plan, without root. */
import { expect, test } from "bun:test";
import type { Mount, RuntimeConfig } from "../../spec/index.ts";
import { printPlan } from "../plan/print.ts";
import type { Circumstances } from "./context.ts";
import { compileRestore } from "./restore.ts";

const WORLD: Circumstances = {
  containerID: "box",
  bundle: "/bundle",
  rootfs: "/bundle/rootfs",
  hostProcs: [],
  hostProcParents: [],
  stateDirectory: "/run/box",
  sources: new Map([["/src", "directory"]]),
  cgroup: { version: 1, joins: ["/sys/fs/cgroup/pids/box/tasks"], mounts: [], isOwn: true },
  cgroupNamespace: false,
  lastCapability: 40,
  hasKcore: false,
  isRootless: false,
  isInUserNamespace: false,
  noPivot: false,
  noNewKeyring: false,
  preserveFds: 0,
  nullStreams: [],
  dieWithParent: false,
};
const MOUNTS: readonly Mount[] = [
  { destination: "/proc", type: "proc" },
  { destination: "/dev", type: "tmpfs" },
  { destination: "/dev/pts", type: "devpts" },
  { destination: "/sys", type: "sysfs" },
  { destination: "/sys/fs/cgroup", type: "cgroup" },
  { destination: "/data", source: "/src", options: ["bind"] },
  { destination: "/data/below", type: "tmpfs" },
  { destination: "/device", type: "tmpfs" },
];
const CONFIG: RuntimeConfig = { ociVersion: "1.0.0", root: { path: "rootfs" } };
const CRIU = {
  program: "/usr/sbin/criu",
  environment: ["PATH=/bin"],
  imagePath: "/images",
  workPath: "/work",
};

function linesOf(mounts: readonly Mount[], inherited: readonly number[] = []): string[] {
  const { plan } = compileRestore(CONFIG, mounts, WORLD, { ...CRIU, inherited });
  return printPlan(plan, "x64")
    .split("\n")
    .map((line) => line.replace(/^ +\d+ {2}/, "").trim());
}

/** The names that are looked up in the root, each once. */
function places(mounts: readonly Mount[]): (string | undefined)[] {
  const found = linesOf(mounts).map((line) => /openat2\(r1, "([^"]+)"/.exec(line)?.[1]);
  return [...new Set(found.filter((name) => name !== undefined))];
}

test("places are made for what CRIU mounts, but for those in what it brings back with their contents", () => {
  const made = places(MOUNTS);
  expect(MOUNTS.map(({ destination }) => destination.slice(1)).filter((name) => made.includes(name))).toEqual(
    ["proc", "dev", "sys", "data", "data/below", "device"],
  );
});

test("a bind mount is there while places are made in it, and gone when the root is criu's", () => {
  const lines = linesOf(MOUNTS);
  const first = (text: string): number => lines.findIndex((line) => line.includes(text));
  const last = (text: string): number => lines.findLastIndex((line) => line.includes(text));
  const order = [
    first('open_tree(r20, ""'),
    first('open_tree(AT_FDCWD, "/src"'),
    first('"data/below"'),
    first('umount2("/bundle/rootfs"'),
    last('open_tree(r20, ""'),
    first('openat(AT_FDCWD, "/images"'),
    first('openat(AT_FDCWD, "/work"'),
    first("socketpair("),
    first("SYNC ready"),
    first('execve("/usr/sbin/criu"'),
  ];
  expect(order.every((at) => at > 0)).toBe(true);
  expect(order).toEqual(order.toSorted((one, other) => one - other));
});

test("criu keeps its socket, its directories and what it is to inherit, and nothing else", () => {
  const { plan, images, work, inherited } = compileRestore(CONFIG, [], WORLD, {
    ...CRIU,
    inherited: [40, 41],
  });
  expect([images, work, inherited]).toEqual([6, 7, [8, 9]]);
  expect(plan.cloneFlags).toBe(0x20000); // CLONE_NEWNS
  const lines = linesOf([], [40, 41]);
  const kept = lines
    .map((line) => /^fcntl\((\d+), 2/.exec(line)?.[1])
    .filter((number) => number !== undefined);
  expect(kept.map(Number)).toEqual([5, 6, 7, 8, 9]);
  expect(lines.findLastIndex((line) => line.startsWith("fcntl("))).toBe(
    lines.findIndex((line) => line.startsWith('execve("/usr/sbin/criu"')) - 1,
  );
});

test("without a document's bind mounts no path of the host's is mounted into the root", () => {
  expect(linesOf(MOUNTS.filter(({ source }) => source === undefined)).join("\n")).not.toContain("/src");
});
