/** `teu network prune`. */
import { print } from "../../base/index.ts";
import { openEngine, pruneNetworks } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu network prune",
  summary: "Remove all networks that no container is in, with their bridges and rules",
  flags: {
    force: {
      kind: "boolean",
      short: "f",
      summary: "For scripts that are written for docker; nothing is asked",
    },
  },
  arguments: [],
  examples: [{ command: "teu network prune", says: "Leave nothing on this machine that no container needs" }],
  async run(_, { environment }) {
    for (const name of pruneNetworks(await openEngine(environment))) print(`${name}\n`);
    return 0;
  },
});
