/** How a process enters a container, read from the compiled plan, without root. */
import { expect, test } from "bun:test";
import { printPlan } from "../plan/print.ts";
import { compileExecProcess, type ExecWorld } from "./exec.ts";

const WORLD: ExecWorld = {
  containerID: "box",
  noNewKeyring: true,
  pid: 4711,
  startTime: "1",
  joins: [],
  namespaces: 0x4002_0000,
  hasUserNamespace: false,
  hasMountNamespace: true,
  lastCapability: 40,
  isRootless: false,
  isInUserNamespace: false,
  preserveFds: 0,
  dieWithParent: false,
};
const PROCESS = { args: ["/bin/true"], cwd: "/", user: { uid: 0, gid: 0 }, env: ["HOME=/"], oomScoreAdj: 7 };

/** The calls up to the SYNC at which the process is inside, by name and first arguments. */
function entryOf(world: Partial<ExecWorld>): { calls: string[]; slots: string[] } {
  const plan = compileExecProcess(PROCESS, { ...WORLD, ...world });
  const lines = printPlan(plan, "x64")
    .split("\n")
    .map((line) => line.replace(/^ +\d+ {2}/, "").trim());
  const calls = lines.slice(0, lines.indexOf("SYNC ready(r1)"));
  const isEntry =
    /^(?:r\d+ = )?(?:prctl\(PR_SET_DUMPABLE|setgroups|setns|clone3|setres|fchdir|chroot|openat|write\(r20)/;
  return { calls: calls.filter((line) => isEntry.test(line)), slots: plan.slots.map(({ kind }) => kind) };
}

test("it is hidden before it enters, and once more when it is another's child and user (2016-9962)", () => {
  expect(entryOf({ namespaces: 0x5002_0000, hasUserNamespace: true }).calls).toEqual([
    'r20 = openat(AT_FDCWD, "/proc/self/oom_score_adj", 524289)',
    'write(r20, "7", 1)',
    "prctl(PR_SET_DUMPABLE)",
    "setgroups()  EPERM: go on",
    "setns(5, CLONE_NEWNS|CLONE_NEWUSER|CLONE_NEWNET)",
    "r20 = clone3({flags=0x0|CLONE_PARENT, exit_signal=0}, 64)",
    "setresgid()",
    "setresuid()",
    "prctl(PR_SET_DUMPABLE)",
    'r1 = openat(AT_FDCWD, "/", 2686976)',
  ]);
});

test("without a mount namespace the container's root is entered, which was opened before its process was looked at", () => {
  const { calls, slots } = entryOf({ namespaces: 0, hasMountNamespace: false });
  expect(slots).toEqual(["file", "pidfd"]);
  expect(calls).not.toContainEqual(expect.stringContaining("setns"));
  expect(calls.slice(-3)).toEqual(["fchdir(5)", 'chroot(".")', 'r1 = openat(AT_FDCWD, "/", 2686976)']);
});

test("a plain user's process that may not lower its score keeps the one that it has", () => {
  expect(entryOf({ isRootless: true }).calls).toContain('write(r20, "7", 1)  EACCES: go on');
});
