/** What follows the end of a container; its monitor starts this. Opening the store does it: the record, the mounts, --rm. */
import { openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu after-exit",
  summary: "Do what follows a container's end, for teu itself",
  flags: {},
  arguments: [{ name: "CONTAINER" }],
  examples: [],
  async run(_, { environment }) {
    await openEngine(environment);
    return 0;
  },
});
