/** `teu network inspect`. */
import { print } from "../../base/index.ts";
import { describeNetwork, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu network inspect",
  summary: "Show all that is known of networks, as JSON",
  flags: {},
  arguments: [{ name: "NETWORK", isRepeated: true }],
  examples: [{ command: "teu network inspect bridge", says: "Show who has which address" }],
  async run({ arguments: names }, { environment }) {
    const store = await openEngine(environment);
    print(
      `${JSON.stringify(
        names.map((name) => describeNetwork(store, name)),
        null,
        2,
      )}\n`,
    );
    return 0;
  },
});
