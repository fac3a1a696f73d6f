import { expect, test } from "bun:test";
import type { Linux, Process } from "../spec/index.ts";
import { validateMemoryPolicy, validateScheduling } from "./validate-process.ts";

const schedulingCases: { clause: string; says: string; input: Partial<Process>; want: string[] }[] = [
  {
    clause: "config.md#linux-process",
    says: "every policy of the specification is known",
    input: { scheduler: { policy: "SCHED_BATCH", nice: 19, flags: ["SCHED_FLAG_RESET_ON_FORK"] } },
    want: [],
  },
  {
    clause: "config.md#linux-process",
    says: "a deadline has its three times",
    input: { scheduler: { policy: "SCHED_DEADLINE", runtime: 1n, deadline: 2, period: 3 } },
    want: [],
  },
  {
    clause: "config.md#linux-process",
    says: "a policy is required",
    input: { scheduler: { policy: "" } },
    want: ["process.scheduler: scheduler policy is required"],
  },
  {
    clause: "config.md#linux-process",
    says: "an unknown policy and an unknown flag",
    input: { scheduler: { policy: "SCHED_X", flags: ["SCHED_FLAG_X"] } },
    want: [
      "process.scheduler: invalid scheduler policy: SCHED_X",
      "process.scheduler.flags[0]: invalid scheduler flag: SCHED_FLAG_X",
    ],
  },
  {
    clause: "config.md#linux-process",
    says: "nice goes from -20 to 19",
    input: { scheduler: { policy: "SCHED_OTHER", nice: 20 } },
    want: ["process.scheduler: invalid scheduler.nice: 20 when scheduler.policy is SCHED_OTHER"],
  },
  {
    clause: "config.md#linux-process",
    says: "only real-time policies have a priority, only deadlines have times",
    input: { scheduler: { policy: "SCHED_OTHER", priority: 1, period: 5 } },
    want: [
      "process.scheduler: scheduler.priority can only be specified for SchedFIFO or SchedRR policy",
      "process.scheduler: scheduler runtime/deadline/period can only be specified for SchedDeadline policy",
    ],
  },
  {
    clause: "config.md#linux-process",
    says: "an I/O priority has a class and a level",
    input: { ioPriority: { class: "IOPRIO_CLASS_NONE", priority: 8 } },
    want: [
      "process.ioPriority: invalid ioPriority.Priority: 8",
      'process.ioPriority: invalid ioPriority.Class: "IOPRIO_CLASS_NONE"',
    ],
  },
  {
    clause: "config.md#linux-process",
    says: "CPUs are a list",
    input: { execCPUAffinity: { initial: "0-1,3", final: "1-0" } },
    want: ['process.execCPUAffinity.final: bad CPU affinity: "1-0" is not a list of CPUs like 0-3,7'],
  },
];

test.each(schedulingCases)("$clause: $says", ({ input, want }) => {
  const issues = validateScheduling({ user: { uid: 0, gid: 0 }, cwd: "/", ...input }, "process");
  expect(issues.map(({ field, says }) => `${field}: ${says}`)).toEqual(want);
});

const clause = "config-linux.md#memory-policy";
const memoryCases: { clause: string; says: string; input: Linux["memoryPolicy"]; want: string[] }[] = [
  {
    clause,
    says: "modes with nodes and without",
    input: { mode: "MPOL_INTERLEAVE", nodes: "0-1", flags: ["MPOL_F_STATIC_NODES"] },
    want: [],
  },
  { clause, says: "preferred may have none", input: { mode: "MPOL_PREFERRED" }, want: [] },
  {
    clause,
    says: "an unknown mode and flag",
    input: { mode: "MPOL_X", flags: ["MPOL_F_X"] },
    want: [
      'linux.memoryPolicy.mode: invalid memory policy mode "MPOL_X"',
      'linux.memoryPolicy.flags[0]: invalid memory policy flag "MPOL_F_X"',
    ],
  },
  {
    clause,
    says: "the default takes no nodes",
    input: { mode: "MPOL_DEFAULT", nodes: "0" },
    want: ["linux.memoryPolicy.nodes: MPOL_DEFAULT: memory policy mode requires 0 nodes but got 1"],
  },
  {
    clause,
    says: "binding needs nodes",
    input: { mode: "MPOL_BIND", nodes: "" },
    want: ["linux.memoryPolicy.nodes: MPOL_BIND: memory policy mode requires at least one node but got 0"],
  },
  {
    clause,
    says: "nodes are a list of numbers below 1024",
    input: { mode: "MPOL_BIND", nodes: "1024" },
    want: ['linux.memoryPolicy.nodes: invalid memory policy nodes "1024"'],
  },
  {
    clause,
    says: "nodes are static or relative",
    input: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"] },
    want: ["linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other"],
  },
];

test.each(memoryCases)("$clause: $says", ({ input, want }) => {
  const issues = validateMemoryPolicy({ ...(input && { memoryPolicy: input }) });
  expect(issues.map(({ field, says }) => `${field}: ${says}`)).toEqual(want);
});
