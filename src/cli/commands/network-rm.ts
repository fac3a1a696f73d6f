/** `teu network rm`. */
import { print } from "../../base/index.ts";
import { forEachName, openEngine, removeNetwork } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu network rm",
  summary: "Remove networks that no container is in",
  flags: {},
  arguments: [{ name: "NETWORK", isRepeated: true }],
  examples: [{ command: "teu network rm backend", says: "Remove a network" }],
  async run({ arguments: names }, { environment }) {
    const store = await openEngine(environment);
    await forEachName(names, async (name) => {
      removeNetwork(store, name);
      print(`${name}\n`);
    });
    return 0;
  },
});
