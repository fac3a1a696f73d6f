/** A plan told field by field: what each part of config.json comes to, wherever in the plan its steps stand. */
import type { CgroupPlan } from "../cgroup/plan.ts";
import type { PlanStep } from "./print.ts";

/** A field of config.json and what comes of it. */
export interface ExplainedField {
  readonly field: string;
  readonly clause: string;
  /** Names of system calls that are made for it, or may be, each once. */
  readonly calls: readonly string[];
  /** What the parent does for it. */
  readonly parent: readonly string[];
}

const CGROUP_CLAUSE = "config-linux.md, Control groups";
const NAMESPACES_CLAUSE = "config-linux.md, Namespaces";
/** Steps of the container's life, which no field asks for. */
const LIFE = "runtime.md";

/** In the order in which they first come; the limits last. @param cloned  Namespaces that init is born into. */
export function explainPlan(
  steps: readonly PlanStep[],
  { limits, deviceProgram }: Pick<CgroupPlan, "limits" | "deviceProgram">,
  cloned: readonly string[] = [],
): ExplainedField[] {
  const fields = new Map<string, { clause: string; calls: Set<string>; parent: string[] }>();
  const at = (field: string, clause: string) => {
    const found = fields.get(field) ?? { clause, calls: new Set<string>(), parent: [] };
    fields.set(field, found);
    return found;
  };
  for (const { field, clause, record, call, text } of steps) {
    if (clause.startsWith(LIFE)) continue;
    const found = at(field, clause);
    if (record === undefined) found.parent.push(text.replace(/^the parent: /, ""));
    else if (call !== undefined) found.calls.add(call);
  }
  if (cloned.length > 0)
    at("linux.namespaces", NAMESPACES_CLAUSE).parent.push(`clone3 with new namespaces: ${cloned.join(", ")}`);
  for (const { clause, path, value } of limits)
    at(clause, CGROUP_CLAUSE).parent.push(`write ${JSON.stringify(value)} to ${path}`);
  if (deviceProgram !== undefined)
    at("linux.resources.devices", CGROUP_CLAUSE).parent.push(
      `attach a program to ${deviceProgram.directory}`,
    );
  return [...fields].map(([field, { clause, calls, parent }]) => ({
    field,
    clause,
    calls: [...calls],
    parent,
  }));
}

/** Whether `field` is `asked` or below it: `mounts[1] /dev` is below `mounts` and `mounts[1]`. */
export function isBelow(field: string, asked: string): boolean {
  return field === asked || (field.startsWith(asked) && ".[ ".includes(field[asked.length] ?? "?"));
}
