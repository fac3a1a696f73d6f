import { expect, test } from "bun:test";
import { PlanBuilder } from "./builder.ts";
import { diffPlans, printDiff } from "./diff.ts";
import type { Plan } from "./plan.ts";

/** A plan of one section for each name: it closes as many descriptors as the list says, then jumps over a FAIL. */
function planOf(sections: Readonly<Record<string, readonly number[]>>): Plan {
  const plan = new PlanBuilder();
  for (const [field, descriptors] of Object.entries(sections)) {
    plan.section(field, "a clause");
    for (const descriptor of descriptors) plan.call("close", [descriptor]);
    const over = plan.label();
    plan.goto(over);
    plan.fail(1);
    plan.place(over);
  }
  plan.section("end", "a clause");
  plan.exit(0);
  return plan.finish();
}

test("diffPlans() finds nothing between equal plans", () => {
  expect(diffPlans(planOf({ a: [1, 2], b: [3] }), planOf({ a: [1, 2], b: [3] }))).toEqual([]);
});

test("diffPlans() finds what was added and removed, and not what only moved", () => {
  const changes = diffPlans(planOf({ a: [1, 2], c: [4] }), planOf({ a: [1], b: [3], c: [4] }));
  expect(printDiff(changes).split("\n")).toEqual([
    "a                                                 a clause",
    "- close(2)",
    // A jump to the next section is told by its name.
    "- to c+0",
    "+ to b+0",
    "b                                                 a clause",
    "+ close(3)",
    "+ to c+0",
    "+ FAIL EPERM",
    "",
  ]);
  expect(changes[0]).toEqual({
    change: "removed",
    field: "a",
    clause: "a clause",
    segment: 0,
    record: 1,
    call: "close",
    text: "close(2)",
  });
});

test("printDiff() prints nothing for nothing", () => {
  expect(printDiff([])).toBe("");
});
