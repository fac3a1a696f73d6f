/** `teu restart`: stops containers and starts them once more. Docker's flags. */
import { print } from "../../base/index.ts";
import { forEachName, openEngine, parseSignal, stopAndStart } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu restart",
  summary: "Stop containers and start them once more",
  flags: {
    time: {
      kind: "integer",
      short: "t",
      aliases: ["timeout"],
      value: "SECONDS",
      summary: "Wait so long before KILL (10)",
    },
    signal: { kind: "string", short: "s", value: "SIGNAL", summary: "Ask by this signal" },
  },
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu restart web", says: "Begin again with what it has on disk" }],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    const options = {
      ...(flags.time !== undefined && { seconds: flags.time }),
      ...(flags.signal !== undefined && { signal: parseSignal(flags.signal) }),
    };
    await forEachName(names, async (name) => {
      await stopAndStart(store, name, options);
      print(`${name}\n`);
    });
    return 0;
  },
});
