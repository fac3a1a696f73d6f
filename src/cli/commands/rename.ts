/** `teu rename`. Docker's words. */
import { openEngine, parseName, renameContainer } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu rename",
  summary: "Call a container otherwise",
  flags: {},
  arguments: [{ name: "CONTAINER" }, { name: "NEW-NAME" }],
  examples: [{ command: "teu rename web web-old", says: "Make room for another one" }],
  async run({ arguments: [container = "", name = ""] }, { environment }) {
    renameContainer(await openEngine(environment), container, parseName(name));
    return 0;
  },
});
