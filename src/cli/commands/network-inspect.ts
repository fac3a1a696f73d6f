/** `teu network inspect`. */
import { describeNetwork, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { networkShape } from "../network-shape.ts";
import { INSPECT_FLAG, printInspections } from "../template/inspections.ts";

export const command = teuCommand({
  name: "teu network inspect",
  summary: "Show all that is known of networks, as JSON or by a template",
  flags: {
    format: INSPECT_FLAG,
    verbose: {
      kind: "boolean",
      short: "v",
      summary: "For scripts that are written for docker",
      hidden: true,
    },
  },
  arguments: [{ name: "NETWORK", isRepeated: true }],
  examples: [{ command: "teu network inspect bridge", says: "Show who has which address" }],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    await printInspections(flags.format, names, (name) => networkShape(describeNetwork(store, name)));
    return 0;
  },
});
