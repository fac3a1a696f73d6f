/** `teu stop`: asks containers to end. Docker's flags. */
import { print } from "../../base/index.ts";
import { forEachName, openEngine, parseSignal, stopContainer } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu stop",
  summary: "Ask containers to end, and end them",
  description: "Sends the image's stop signal, or TERM, and after a while KILL.",
  flags: {
    time: {
      kind: "integer",
      short: "t",
      aliases: ["timeout"],
      value: "SECONDS",
      summary: "Wait so long before KILL; -1: for ever (10)",
    },
    signal: { kind: "string", short: "s", value: "SIGNAL", summary: "Send this instead" },
  },
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu stop -t 30 db", says: "Give a database half a minute" }],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    const options = {
      ...(flags.time !== undefined && { seconds: flags.time }),
      ...(flags.signal !== undefined && { signal: parseSignal(flags.signal) }),
    };
    await forEachName(
      names,
      async (name) => {
        await stopContainer(store, name, options);
      },
      { atOnce: 16, onDone: (name) => print(`${name}\n`) },
    );
    return 0;
  },
});
