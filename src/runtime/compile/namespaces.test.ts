/** Which calls make and join namespaces, in which order: read from the compiled plan, without root. */
import { describe, expect, test } from "bun:test";
import type { Linux, Namespace } from "../../spec/index.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { printPlan } from "../plan/print.ts";
import { compileJoins, compileNamespaceSetup, planNamespaces } from "./namespaces.ts";
import { compileStage, isWrittenTo } from "./stage.ts";

const at = (type: Namespace["type"]): Namespace => ({ type, path: `/run/ns/${type}` });
const own = (type: Namespace["type"]): Namespace => ({ type });

/** The calls as they are printed, without numbers of records and what is not about namespaces. */
function callsOf(namespaces: readonly Namespace[], timeOffsets: Linux["timeOffsets"] = {}): string[] {
  const sorted = planNamespaces(namespaces);
  const plan = new PlanBuilder({ architecture: "x64" });
  compileJoins(plan, sorted.joined);
  if (sorted.isStaged) compileStage(plan, sorted, timeOffsets);
  compileNamespaceSetup(plan, sorted, {});
  return printPlan(plan.finish(), "x64")
    .split("\n")
    .map((line) => line.replace(/^ +\d+ {2}/, "").trim())
    .filter((line) => /setns|unshare|clone3|setres|setgroups|SYNC|the parent|^to /.test(line));
}

const cases: { says: string; namespaces: Namespace[]; timeOffsets?: Linux["timeOffsets"]; want: string[] }[] =
  [
    {
      says: "new ones are made by the parent's clone, with no call of init's",
      namespaces: [own("pid"), own("mount")],
      want: [],
    },
    {
      says: "a new network is made by init itself, with its view of the cgroups",
      namespaces: [own("pid"), own("network"), own("cgroup")],
      want: ["unshare(CLONE_NEWCGROUP|CLONE_NEWNET)"],
    },
    {
      says: "in a new user namespace the stage's clone makes the network, which belongs to that",
      namespaces: [own("user"), own("network")],
      want: [
        "unshare(CLONE_NEWUSER)",
        "SYNC id-maps",
        "->  the parent: id-maps",
        "setresgid()",
        "setresuid()",
        "r20 = clone3({flags=0x40000000|CLONE_PARENT, exit_signal=0}, 64)",
        "to 9 if (r20 & 0xffffffffffffffff) == 0x0",
      ],
    },
    {
      says: "joined ones cost one call each",
      namespaces: [own("pid"), own("mount"), at("network"), at("uts")],
      want: ["setns(5, CLONE_NEWNET)", "setns(6, CLONE_NEWUTS)"],
    },
    {
      says: "a PID namespace that is joined is for the child",
      namespaces: [own("mount"), at("pid")],
      want: [
        "setns(5, CLONE_NEWPID)",
        "r20 = clone3({flags=0x20000|CLONE_PARENT, exit_signal=0}, 64)",
        "to 6 if (r20 & 0xffffffffffffffff) == 0x0",
      ],
    },
    {
      says: "a user namespace is joined last, then what was refused outside",
      namespaces: [at("user"), at("network")],
      want: [
        "r30 = setns(5, CLONE_NEWNET)  EPERM: go on",
        "setgroups()  EPERM: go on",
        "setns(6, CLONE_NEWUSER)",
        "setresgid()",
        "setresuid()",
        "to 7 if (r30 & 0x8000000000000000) == 0x0",
        "setns(5, CLONE_NEWNET)",
        "r20 = clone3({flags=0x0|CLONE_PARENT, exit_signal=0}, 64)",
        "to 12 if (r20 & 0xffffffffffffffff) == 0x0",
      ],
    },
    {
      says: "a new user namespace comes after what is joined, and its maps before its ids",
      namespaces: [own("user"), own("pid"), at("network")],
      want: [
        "setns(5, CLONE_NEWNET)",
        "unshare(CLONE_NEWUSER)",
        "SYNC id-maps",
        "->  the parent: id-maps",
        "setresgid()",
        "setresuid()",
        "r20 = clone3({flags=0x20000000|CLONE_PARENT, exit_signal=0}, 64)",
        "to 10 if (r20 & 0xffffffffffffffff) == 0x0",
      ],
    },
    {
      says: "clock offsets are written before anything is in the time namespace",
      namespaces: [own("time"), own("pid")],
      timeOffsets: { monotonic: { secs: -5 }, boottime: { nanosecs: 7 } },
      want: [
        "unshare(CLONE_NEWTIME)",
        "SYNC time-offsets",
        '->  the parent: time-offsets text="monotonic -5 0\\nboottime 0 7\\n"',
        "r20 = clone3({flags=0x20000000|CLONE_PARENT, exit_signal=0}, 64)",
        "to 7 if (r20 & 0xffffffffffffffff) == 0x0",
      ],
    },
    {
      says: "one SYNC is for maps and offsets",
      namespaces: [own("time"), own("user")],
      timeOffsets: { monotonic: { secs: 1 } },
      want: [
        "unshare(CLONE_NEWUSER)",
        "unshare(CLONE_NEWTIME)",
        "SYNC id-maps",
        "->  the parent: id-maps",
        '->  the parent: time-offsets text="monotonic 1 0\\n"',
        "setresgid()",
        "setresuid()",
        "r20 = clone3({flags=0x0|CLONE_PARENT, exit_signal=0}, 64)",
        "to 10 if (r20 & 0xffffffffffffffff) == 0x0",
      ],
    },
  ];

test.each(cases)("config-linux.md#namespaces: $says", ({ namespaces, timeOffsets, want }) => {
  expect(callsOf(namespaces, timeOffsets)).toEqual(want);
});

describe("isWrittenTo()", () => {
  const offsets = { monotonic: { secs: 1 } };
  test.each([
    ["the usual container is never dumpable", [own("pid"), own("time")], offsets, false],
    ["a new user namespace's maps are written", [own("user")], {}, true],
    ["a joined one has its maps", [at("user"), own("time")], {}, false],
    ["offsets of a plain user's clocks are written", [at("user"), own("time")], offsets, true],
  ] as const)("%s", (_, namespaces, timeOffsets, want) => {
    expect(isWrittenTo(planNamespaces(namespaces), timeOffsets)).toBe(want);
  });
});

test("a namespace that is joined is a descriptor that the parent opens: no path is left to init", () => {
  const plan = new PlanBuilder({ architecture: "x64" });
  compileJoins(plan, planNamespaces([at("network"), at("user")]).joined);
  expect(plan.finish().slots).toEqual([
    { kind: "namespace", type: "network", path: "/run/ns/network", field: "linux.namespaces[0].path" },
    { kind: "namespace", type: "user", path: "/run/ns/user", field: "linux.namespaces[1].path" },
  ]);
});
