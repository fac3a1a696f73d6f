/** The records of hooks that init runs. What they do is tested with real hooks in test/integration/runtime. */
import { expect, test } from "bun:test";
import type { Hook } from "../../spec/index.ts";
import { architecture } from "../../sys/index.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { type PlanRecord, recordAt } from "../plan/decode.ts";
import { DataRef, type Plan } from "../plan/plan.ts";
import { compileHooks, HOOK_MESSAGE_BYTES, hookCode, reservePidText } from "./hooks.ts";

const STATE = { ociVersion: "1.3.0", id: "c", status: "creating", bundle: "/b" } as const;
const PIPE_BUF = 4096;

function compiled(hook: Partial<Hook>): Plan {
  const plan = new PlanBuilder();
  const environment = plan.strings(["OF=process"], "1 variable");
  const about = { state: STATE, pid: reservePidText(plan), environment };
  compileHooks(plan, "createContainer", [{ path: "/hook", ...hook }], about);
  return plan.finish();
}

function calls(plan: Plan): Extract<PlanRecord, { op: "call" }>[] {
  const records = Array.from({ length: plan.count }, (_, index) => recordAt(plan, index, architecture));
  return records.filter((record) => record.op === "call");
}

/** The texts of a NULL-terminated table in the plan's data. */
function tableAt(plan: Plan, operand: unknown): string[] {
  if (!(operand instanceof DataRef)) throw new TypeError("no table");
  const view = new DataView(plan.data.buffer, plan.data.byteOffset, plan.data.byteLength);
  const texts: string[] = [];
  for (let at = operand.offset; plan.relocations.includes(at); at += 8) {
    const from = view.getUint32(at, true);
    texts.push(new TextDecoder().decode(plan.data.subarray(from, plan.data.indexOf(0, from))));
  }
  return texts;
}

const argumentCases: readonly { says: string; hook: Partial<Hook>; want: string[] }[] = [
  { says: "its own arguments", hook: { args: ["name", "", "x y"] }, want: ["name", "", "x y"] },
  { says: "without arguments its path", hook: {}, want: ["/hook"] },
  { says: "with an empty list its path", hook: { args: [] }, want: ["/hook"] },
];
test.each([...argumentCases])(
  "config.md#posix-platform-hooks: a hook is called with $says",
  ({ hook, want }) => {
    const plan = compiled(hook);
    expect(tableAt(plan, calls(plan).find(({ call }) => call === "execve")?.args[1])).toEqual(want);
  },
);

const environmentCases: readonly { says: string; hook: Partial<Hook>; want: string[] }[] = [
  { says: "its own environment", hook: { env: ["A=b"] }, want: ["A=b"] },
  { says: "the given one without its own", hook: {}, want: ["OF=process"] },
];
test.each([...environmentCases])("config.md#posix-platform-hooks: a hook has $says", ({ hook, want }) => {
  const plan = compiled(hook);
  expect(tableAt(plan, calls(plan).find(({ call }) => call === "execve")?.args[2])).toEqual(want);
});

test("compileHooks() waits as long as the hook has time, and for ever without a timeout", () => {
  const limitOf = (plan: Plan): unknown => calls(plan).find(({ call }) => call === "ppoll")?.args[2];
  expect(limitOf(compiled({}))).toBe(0);
  const plan = compiled({ timeout: 7 });
  const limit = limitOf(plan);
  if (!(limit instanceof DataRef)) throw new TypeError("no limit");
  expect(plan.data[limit.offset]).toBe(7);
});

test("compileHooks() closes what is open before it becomes the hook", () => {
  const names = calls(compiled({})).map(({ call }) => call);
  expect(names.slice(names.lastIndexOf("dup3") + 1)).toEqual([
    "close_range",
    "umask",
    "fchdir",
    "execve",
    "write",
  ]);
});

test("hookCode() keeps kind and index apart, and a message goes through a pipe at once", () => {
  expect(hookCode("createContainer", 5)).toBe((2 << 16) | 5);
  expect(hookCode("startContainer", 0)).toBe(3 << 16);
  expect(HOOK_MESSAGE_BYTES).toBeLessThanOrEqual(PIPE_BUF);
});
