/** `teu pause`. Docker's words. */
import { print } from "../../base/index.ts";
import { forEachName, openEngine, pauseContainer } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu pause",
  summary: "Stop all processes of containers where they are",
  flags: {},
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu pause web", says: "Have a server do nothing for a while" }],
  async run({ arguments: names }, { environment }) {
    const store = await openEngine(environment);
    await forEachName(names, async (name) => {
      await pauseContainer(store, name);
      print(`${name}\n`);
    });
    return 0;
  },
});
