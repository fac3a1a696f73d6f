/** `plan`: what create would do, without doing it. */
import { print } from "../../base/index.ts";
import { planContainer } from "../machine/create.ts";
import { printPlan } from "../plan/print.ts";
import { runtimeCommand } from "./context.ts";
import { unitPlanner } from "./units.ts";

export const plan = runtimeCommand({
  name: "plan",
  summary: "show the system calls that would create a container, each with the field that asks for it",
  flags: {
    bundle: {
      kind: "string",
      short: "b",
      value: "DIR",
      default: ".",
      summary: "path to the root of the bundle directory",
    },
    "no-pivot": { kind: "boolean", summary: "do not use pivot root to jail process inside rootfs" },
    "no-new-keyring": { kind: "boolean", summary: "do not create a new session keyring for the container" },
  },
  arguments: [{ name: "container-id", isOptional: true }],
  examples: [
    { command: "teu runtime plan --bundle .", says: "Show the plan for the bundle in the current directory" },
  ],
  async run({ flags, arguments: [containerID = "container"] }, context) {
    const { root } = context;
    const planner = await unitPlanner(context);
    const { bundle, "no-pivot": noPivot, "no-new-keyring": noNewKeyring } = flags;
    print(printPlan(planContainer({ root, containerID, bundle, noPivot, noNewKeyring, ...planner })));
    return 0;
  },
});
