/** `teu network rm`. */
import { hasCode, print } from "../../base/index.ts";
import { forEachName, openEngine, removeNetwork } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu network rm",
  summary: "Remove networks that no container is in",
  flags: { force: { kind: "boolean", short: "f", summary: "Do not mind missing ones" } },
  arguments: [{ name: "NETWORK", isRepeated: true }],
  examples: [{ command: "teu network rm backend", says: "Remove a network" }],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    await forEachName(names, async (name) => {
      try {
        removeNetwork(store, name);
      } catch (error) {
        if (flags.force && hasCode(error, "no-such-network")) return;
        throw error;
      }
      print(`${name}\n`);
    });
    return 0;
  },
});
