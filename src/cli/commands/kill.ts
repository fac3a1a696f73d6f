/** `teu kill`: sends containers a signal. Docker's flags. */
import { print } from "../../base/index.ts";
import { forEachName, openEngine, parseSignal, signalContainer } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu kill",
  summary: "Send containers a signal",
  flags: {
    signal: {
      kind: "string",
      short: "s",
      value: "SIGNAL",
      summary: "Which, by name or number",
      default: "KILL",
    },
  },
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu kill -s HUP web", says: "Have a server read its configuration again" }],
  async run({ flags, arguments: names }, { environment }) {
    const signal = parseSignal(flags.signal);
    const store = await openEngine(environment);
    await forEachName(
      names,
      async (name) => {
        await signalContainer(store, name, signal);
      },
      { atOnce: 16, onDone: (name) => print(`${name}\n`) },
    );
    return 0;
  },
});
