/** `teu network create`. Docker's flags. */
import { print, Unsupported } from "../../base/index.ts";
import { createNetwork, InvalidOption, openEngine, parseName, parseSubnet } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu network create",
  summary: "Make a network",
  flags: {
    subnet: {
      kind: "string",
      value: "ADDRESS/PREFIX",
      summary: "Its addresses; absent: some that nobody uses",
    },
    driver: { kind: "string", short: "d", value: "bridge", default: "bridge", summary: "How it is made" },
    attachable: { kind: "boolean", summary: "For scripts that are written for docker", hidden: true },
    internal: { kind: "boolean", summary: "Let nothing in or out" },
  },
  arguments: [{ name: "NETWORK" }],
  examples: [
    {
      command: "teu network create --subnet 10.9.0.0/24 office",
      says: "A network with addresses of your choice",
    },
  ],
  async run({ flags, arguments: [word = ""] }, { environment }) {
    const name = parseName(word);
    if (flags.driver !== "bridge")
      throw new Unsupported({
        what: `network driver ${flags.driver}`,
        why: "bridge is the one that is built",
      });
    if (name === "none" || name === "host" || name === "container")
      throw new InvalidOption(
        { option: "NETWORK", value: name },
        `operation is not permitted on predefined ${name} network`,
      );
    const subnet = flags.subnet === undefined ? undefined : parseSubnet(flags.subnet);
    if (flags.subnet !== undefined && (subnet === undefined || subnet.prefixLength > 29))
      throw new InvalidOption(
        { option: "--subnet", value: flags.subnet },
        `Invalid subnet ${JSON.stringify(flags.subnet)}: wants IPv4, as in 10.9.0.0/24, of 8 addresses at least`,
      );
    const store = await openEngine(environment);
    const { id } = createNetwork(store, name, { isInternal: flags.internal, ...(subnet && { subnet }) });
    print(`${id}\n`);
    return 0;
  },
});
