/** `teu attach`: joins a container that runs. Docker's flags. */
import { attachToContainer, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu attach",
  summary: "Join a container that runs: its output here, our input there",
  description: "The keys ctrl-p ctrl-q leave it running. The exit status is the program's.",
  flags: {
    "no-stdin": { kind: "boolean", summary: "Only look" },
  },
  arguments: [{ name: "CONTAINER" }],
  examples: [{ command: "teu attach shell", says: "Go back to a shell that was left with ctrl-p ctrl-q" }],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    return await attachToContainer(await openEngine(environment), name, !flags["no-stdin"]);
  },
});
