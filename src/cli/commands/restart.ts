/** `teu restart`: stops containers and starts them once more. Docker's flags. */
import { print } from "../../base/index.ts";
import { forEachName, openEngine, restartContainer, stopContainer } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu restart",
  summary: "Stop containers and start them once more",
  flags: {
    time: { kind: "integer", short: "t", value: "SECONDS", summary: "Wait so long before KILL (10)" },
  },
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu restart web", says: "Begin again with what it has on disk" }],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    await forEachName(names, async (name) => {
      await stopContainer(store, name, { ...(flags.time !== undefined && { seconds: flags.time }) });
      await restartContainer(store, name, undefined);
      print(`${name}\n`);
    });
    return 0;
  },
});
