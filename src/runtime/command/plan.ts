/** `plan`: what create would do, without doing it. */

import type { CreatePlan } from "../compile/compile.ts";
import { planContainer } from "../machine/create.ts";
import { planSteps, printPlan } from "../plan/print.ts";
import { BUNDLE_FLAG, runtimeCommand } from "./context.ts";
import { print } from "./print.ts";
import { unitPlanner } from "./units.ts";

export const plan = runtimeCommand({
  name: "plan",
  summary: "show the system calls that would create a container, each with the field that asks for it",
  flags: {
    bundle: BUNDLE_FLAG,
    "no-pivot": { kind: "boolean", summary: "do not use pivot root to jail process inside rootfs" },
    "no-new-keyring": { kind: "boolean", summary: "do not create a new session keyring for the container" },
    json: { kind: "boolean", summary: "print the steps as JSON: an array of objects" },
    diff: {
      kind: "string",
      value: "DIR",
      summary: "show only what the plan of the bundle DIR has and this one has not, and the other way round",
    },
  },
  arguments: [{ name: "container-id", isOptional: true }],
  examples: [
    { command: "teu runtime plan --bundle .", says: "Show the plan for the bundle in the current directory" },
    {
      command: "teu runtime plan --bundle old --diff new",
      says: "Show which system calls a change of config.json adds and removes",
    },
  ],
  async run({ flags, arguments: [containerID = "container"] }, context) {
    const { root } = context;
    const planner = await unitPlanner(context);
    const { bundle, json, diff, "no-pivot": noPivot, "no-new-keyring": noNewKeyring } = flags;
    const planOf = (directory: string): CreatePlan =>
      planContainer({ root, containerID, bundle: directory, noPivot, noNewKeyring, ...planner });
    const encode = (steps: readonly object[]): string => `${JSON.stringify(steps, undefined, 2)}\n`;
    const planned = planOf(bundle);
    if (diff === undefined) print(json ? encode(planSteps(planned)) : printPlan(planned));
    else {
      const { diffPlans, printDiff } = await import("../plan/diff.ts");
      const changes = diffPlans(planned, planOf(diff));
      print(json ? encode(changes) : printDiff(changes));
    }
    return 0;
  },
});
