/** `teu network connect`. Docker's flags. */
import { checkAddress, connectToNetwork, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu network connect",
  summary: "Connect a container to a network",
  description: "One that runs is in it at once.",
  flags: {
    alias: { kind: "list", value: "NAME", summary: "A further name by which the others find it" },
    ip: { kind: "string", value: "ADDRESS", summary: "Its address; absent: one that is free" },
  },
  arguments: [{ name: "NETWORK" }, { name: "CONTAINER" }],
  examples: [{ command: "teu network connect --alias db backend postgres", says: "Be found as db there" }],
  async run({ flags, arguments: [name = "", container = ""] }, { environment }) {
    const address = flags.ip === undefined ? undefined : checkAddress(flags.ip, "--ip");
    await connectToNetwork(await openEngine(environment), container, {
      name,
      ...(flags.alias.length > 0 && { aliases: flags.alias }),
      ...(address !== undefined && { address }),
    });
    return 0;
  },
});
