/** The name server of the networks: it is started with the first container that needs it, and ends with the last. */
import { serveNames } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu name-server",
  summary: "Answer containers who ask for each other, for teu itself",
  flags: {},
  arguments: [],
  examples: [],
  async run(_, { environment }) {
    await serveNames(environment);
    return 0;
  },
});
