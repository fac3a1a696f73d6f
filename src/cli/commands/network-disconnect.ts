/** `teu network disconnect`. */
import { disconnectFromNetwork, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu network disconnect",
  summary: "Take a container out of a network",
  flags: {
    force: {
      kind: "boolean",
      short: "f",
      summary: "For scripts that are written for docker; it is always done",
    },
  },
  arguments: [{ name: "NETWORK" }, { name: "CONTAINER" }],
  examples: [{ command: "teu network disconnect backend web", says: "Let web reach backend no more" }],
  async run({ arguments: [name = "", container = ""] }, { environment }) {
    await disconnectFromNetwork(await openEngine(environment), container, name);
    return 0;
  },
});
