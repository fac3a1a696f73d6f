/** `teu wait`: waits for the end of containers. Docker's words. */
import { print } from "../../base/index.ts";
import { forEachName, openEngine, waitForContainer } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu wait",
  summary: "Wait until containers have ended, and show their exit statuses",
  flags: {},
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu wait job", says: "Wait for a job" }],
  async run({ arguments: names }, { environment }) {
    const store = await openEngine(environment);
    await forEachName(names, async (name) => {
      print(`${await waitForContainer(store, name)}\n`);
    });
    return 0;
  },
});
