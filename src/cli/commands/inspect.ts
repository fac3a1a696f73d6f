/** `teu inspect`: all that is known of images and containers, as JSON. */
import { print } from "../../base/index.ts";
import { inspect, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu inspect",
  summary: "Show all that is known of images and containers, as JSON",
  flags: {},
  arguments: [{ name: "NAME", isRepeated: true }],
  examples: [{ command: "teu inspect debian:12", says: "Its documents, as they are stored" }],
  async run({ arguments: names }, { environment }) {
    const store = await openEngine(environment);
    print(
      `${JSON.stringify(
        names.map((name) => inspect(store, name)),
        undefined,
        2,
      )}\n`,
    );
    return 0;
  },
});
