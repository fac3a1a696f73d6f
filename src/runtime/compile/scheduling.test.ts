import { expect, test } from "bun:test";
import type { Linux, Process } from "../../spec/index.ts";
import { architecture } from "../../sys/index.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { recordAt } from "../plan/decode.ts";
import { DataRef } from "../plan/plan.ts";
import { compileFinalAffinity, compileScheduling } from "./scheduling.ts";

/** The calls of a plan as texts; what a pointer leads to in hexadecimal, `bytes` of it. */
function calls(build: (plan: PlanBuilder) => void, bytes: number): string[] {
  const builder = new PlanBuilder();
  build(builder);
  const plan = builder.finish();
  return Array.from({ length: plan.count }, (_, index) => {
    const record = recordAt(plan, index, architecture);
    if (record.op !== "call") return record.op;
    const args = record.args.map((argument) =>
      argument instanceof DataRef
        ? Buffer.from(plan.data.subarray(argument.offset, argument.offset + bytes)).toString("hex")
        : String(argument),
    );
    return `${record.call}(${args.join(", ").replace(/(, 0)+$/, "")})`;
  });
}

const cases: readonly {
  clause: string;
  says: string;
  process?: Partial<Process>;
  linux?: Linux;
  bytes?: number;
  want: string[];
}[] = [
  { clause: "config.md#linux-process", says: "nothing asked, nothing called", want: [] },
  {
    clause: "config.md#linux-process",
    says: "a nice value",
    process: { scheduler: { policy: "SCHED_OTHER", nice: -2 } },
    bytes: 24,
    want: [`sched_setattr(0, ${"38000000" + "00000000" + "0000000000000000" + "feffffff" + "00000000"})`],
  },
  {
    clause: "config.md#linux-process",
    says: "a real-time policy with a flag",
    process: { scheduler: { policy: "SCHED_RR", priority: 7, flags: ["SCHED_FLAG_RESET_ON_FORK"] } },
    bytes: 24,
    want: [`sched_setattr(0, ${"38000000" + "02000000" + "0100000000000000" + "00000000" + "07000000"})`],
  },
  {
    clause: "config.md#linux-process",
    says: "a deadline",
    process: {
      scheduler: {
        policy: "SCHED_DEADLINE",
        runtime: 1,
        deadline: 0x1_0000_0000n,
        period: 3,
        flags: ["SCHED_FLAG_RECLAIM", "SCHED_FLAG_UTIL_CLAMP_MAX"],
      },
    },
    bytes: 56,
    want: [
      `sched_setattr(0, ${"38000000" + "06000000" + "4200000000000000" + "0000000000000000"}${"0100000000000000" + "0000000001000000" + "0300000000000000" + "0000000000000000"})`,
    ],
  },
  {
    clause: "config.md#linux-process",
    says: "an I/O priority is for the process group",
    process: { ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 0 } },
    want: [`ioprio_set(2, 0, ${3 << 13})`],
  },
  {
    clause: "config-linux.md#personality",
    says: "a 32-bit machine",
    linux: { personality: { domain: "LINUX32" } },
    want: ["personality(8)"],
  },
  {
    clause: "config-linux.md#personality",
    says: "and the usual one, whatever the caller's is",
    linux: { personality: { domain: "LINUX" } },
    want: ["personality(0)"],
  },
  {
    clause: "config-linux.md#memory-policy",
    says: "nodes and a flag",
    linux: { memoryPolicy: { mode: "MPOL_INTERLEAVE", nodes: "0,9", flags: ["MPOL_F_STATIC_NODES"] } },
    bytes: 4,
    want: [`set_mempolicy(${3 | (1 << 15)}, 01020000, 1024)`],
  },
  {
    clause: "config-linux.md#memory-policy",
    says: "without nodes a null pointer",
    linux: { memoryPolicy: { mode: "MPOL_LOCAL", nodes: "" } },
    want: ["set_mempolicy(4)"],
  },
];

test.each([...cases])("$clause: $says", ({ process = {}, linux = {}, bytes = 8, want }) => {
  expect(calls((plan) => compileScheduling(plan, process, linux), bytes)).toEqual(want);
});

test("compileFinalAffinity() sets the CPUs of `final`, and without one none", () => {
  const of = (final?: string): string[] =>
    calls((plan) => compileFinalAffinity(plan, final === undefined ? {} : { final }), 2);
  expect(of()).toEqual([]);
  expect(of("")).toEqual([]);
  expect(of("0-1,8")).toEqual(["sched_setaffinity(0, 1024, 0301)"]);
});
