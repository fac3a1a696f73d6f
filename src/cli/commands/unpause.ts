/** `teu unpause`. Docker's words. */
import { print } from "../../base/index.ts";
import { forEachName, openEngine, unpauseContainer } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu unpause",
  summary: "Let paused containers go on",
  flags: {},
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu unpause web", says: "Have it go on" }],
  async run({ arguments: names }, { environment }) {
    const store = await openEngine(environment);
    await forEachName(names, async (name) => {
      await unpauseContainer(store, name);
      print(`${name}\n`);
    });
    return 0;
  },
});
