/** `teu attach`: joins a container that runs. Docker's flags. */
import { attachToContainer, openEngine } from "../../engine/index.ts";
import { ATTACH_FLAGS, attachOptions } from "../attach-flags.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu attach",
  summary: "Join a container that runs: its output here, our input there",
  description: "The keys ctrl-p ctrl-q leave it running. The exit status is the program's.",
  flags: {
    "no-stdin": { kind: "boolean", summary: "Only look" },
    ...ATTACH_FLAGS,
  },
  arguments: [{ name: "CONTAINER" }],
  examples: [{ command: "teu attach shell", says: "Go back to a shell that was left with ctrl-p ctrl-q" }],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    const attach = { ...attachOptions(flags), readsInput: !flags["no-stdin"] };
    return await attachToContainer(await openEngine(environment), name, attach);
  },
});
