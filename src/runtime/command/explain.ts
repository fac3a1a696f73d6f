/** `explain`: what a bundle's config.json comes to, field by field, and what it leaves open. Nothing is made. */
import { TeuError } from "../../base/index.ts";
import { planWithCgroup } from "../machine/create.ts";
import { openings } from "../openings.ts";
import { type ExplainedField, explainPlan, isBelow } from "../plan/explain.ts";
import { type PlanStep, planSteps } from "../plan/print.ts";
import { BUNDLE_FLAG, runtimeCommand } from "./context.ts";
import { print } from "./print.ts";
import { unitPlanner } from "./units.ts";

/** Nothing comes of the field that was asked for. */
export class NothingOfField extends TeuError<"nothing-of-field", { field: string; bundle: string }> {
  constructor(context: { field: string; bundle: string }) {
    super(
      "nothing-of-field",
      "not-found",
      context,
      `Nothing comes of "${context.field}" in the bundle ${context.bundle}: without a field, explain lists them all`,
    );
  }
}

const CLAUSE_COLUMN = 48;

export const explain = runtimeCommand({
  name: "explain",
  summary: "tell what each field of a bundle's config.json comes to, and what it leaves open",
  description: `The explain command reads a bundle's config.json as create would. For each field it tells the clause
   of the specification, the system calls that are made for it and what the parent does, such as limits that it
   writes; last, the protections that are not asked for, with what that means. With FIELD it tells every
   step that is made for the field and those below it.`,
  flags: {
    bundle: BUNDLE_FLAG,
    json: { kind: "boolean", summary: "print JSON: an object with fields, open and, with FIELD, steps" },
  },
  arguments: [{ name: "field", isOptional: true }],
  examples: [
    { command: "teu runtime explain --bundle /mycontainer", says: "Tell what a bundle comes to" },
    { command: "teu runtime explain mounts[1]", says: "Tell what is done for the second mount" },
  ],
  async run({ flags: { bundle, json }, arguments: [field] }, context) {
    const options = { root: context.root, containerID: "container", bundle, ...(await unitPlanner(context)) };
    const { plan, cgroup, config } = planWithCgroup(options);
    const isAsked = (item: { readonly field: string }): boolean =>
      field === undefined || isBelow(item.field, field);
    const all = planSteps(plan);
    const made = (config.linux?.namespaces ?? []).filter(({ path }) => !path).map(({ type }) => type);
    const fields = explainPlan(all, cgroup, plan.cloneFlags === 0 ? [] : made).filter(isAsked);
    const open = openings(config).filter(isAsked);
    if (field !== undefined && fields.length === 0 && open.length === 0)
      throw new NothingOfField({ field, bundle });
    const steps = field === undefined ? undefined : all.filter(isAsked);
    if (json) print(`${JSON.stringify({ fields, open, ...(steps && { steps }) }, undefined, 2)}\n`);
    else
      print([...fields.flatMap((one) => printField(one, steps)), ...printOpen(open)].join("\n").concat("\n"));
    return 0;
  },
});

/** A heading and the names of its calls, or all its steps. */
function printField({ field, clause, calls, parent }: ExplainedField, steps?: readonly PlanStep[]): string[] {
  const heading = `${field.padEnd(CLAUSE_COLUMN)}  ${clause}`;
  const own = steps
    ?.filter((step) => step.field === field && step.record !== undefined)
    .map(({ text }) => `    ${text}`);
  const lines = own ?? (calls.length === 0 ? [] : [`    ${calls.join(" ")}`]);
  return [heading, ...lines, ...parent.map((text) => `    ->  ${text}`)];
}

function printOpen(open: ReturnType<typeof openings>): string[] {
  if (open.length === 0) return [];
  return [
    "",
    "not asked for",
    ...open.map(({ field, says }) => `    ${field.padEnd(CLAUSE_COLUMN - 4)}  ${says}`),
  ];
}
