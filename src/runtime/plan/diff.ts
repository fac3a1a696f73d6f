/** What differs between two plans: the steps that only one of them has, in the order in which they come. */

import type { Plan } from "./plan.ts";
import { type PlanStep, planSteps } from "./print.ts";

/** A step that one plan has and the other has not. */
export interface ChangedStep extends PlanStep {
  readonly change: "removed" | "added";
}

type WholePlan = Plan & { readonly rest?: () => Plan };

/** The changes that lead from `one` to `other`. Steps are equal that do the same for the same field, wherever they stand. */
export function diffPlans(one: WholePlan, other: WholePlan): ChangedStep[] {
  // A target that is told by its number would differ as soon as anything before it does.
  const [before, after] = [one, other].map((plan) => planSteps(plan, { jumps: "section" }));
  return diffSteps(before ?? [], after ?? []);
}

/** The longest common subsequence, and what is not in it. Plans have some hundred steps. */
function diffSteps(before: readonly PlanStep[], after: readonly PlanStep[]): ChangedStep[] {
  const [left, right] = [before.map(keyOf), after.map(keyOf)];
  const width = right.length + 1;
  const common = new Uint32Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      common[i * width + j] =
        left[i] === right[j]
          ? (common[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
  const changes: ChangedStep[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const [gone, come] = [before[i], after[j]];
    if (gone !== undefined && left[i] === right[j]) [i, j] = [i + 1, j + 1];
    else if (
      gone !== undefined &&
      (come === undefined || (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0))
    ) {
      changes.push({ change: "removed", ...gone });
      i++;
    } else if (come !== undefined) {
      changes.push({ change: "added", ...come });
      j++;
    }
  }
  return changes;
}

function keyOf({ field, text }: PlanStep): string {
  return `${field}\n${text}`;
}

const CLAUSE_COLUMN = 48;

/** For people: the fields as headings, the steps with a sign. Nothing for equal plans. */
export function printDiff(changes: readonly ChangedStep[]): string {
  const lines: string[] = [];
  let heading = "";
  for (const { change, field, clause, text } of changes) {
    const section = `${field.padEnd(CLAUSE_COLUMN)}  ${clause}`;
    if (section !== heading) lines.push(section);
    heading = section;
    lines.push(`${change === "removed" ? "-" : "+"} ${text}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}
