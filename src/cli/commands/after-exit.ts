/**
 * What follows the end of a container; its monitor starts this. Opening the store does most of it: the record, the mounts, --rm. What is
 * left is to start it again, when its policy says so.
 */
import { openEngine, restartWhenDue } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { keepWithinBudget } from "../keep-budget.ts";

export const command = teuCommand({
  name: "teu after-exit",
  summary: "Do what follows a container's end, for teu itself",
  flags: {},
  arguments: [{ name: "CONTAINER" }],
  examples: [],
  async run({ arguments: [id = ""] }, { environment }) {
    const store = await openEngine(environment);
    await restartWhenDue(store, id);
    await keepWithinBudget(store, false);
    return 0;
  },
});
