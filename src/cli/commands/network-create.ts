/** `teu network create`. Docker's flags. */
import { print } from "../../base/index.ts";
import {
  createNetwork,
  InvalidOption,
  openEngine,
  parseDriver,
  parseName,
  parseSubnet,
} from "../../engine/index.ts";
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
    driver: {
      kind: "string",
      short: "d",
      value: "DRIVER",
      default: "bridge",
      summary: "How it is made: bridge, macvlan, ipvlan",
    },
    opt: {
      kind: "list",
      short: "o",
      value: "NAME=VALUE",
      summary: "Of the driver: parent=DEVICE, macvlan_mode=MODE, ipvlan_mode=MODE",
    },
    attachable: { kind: "boolean", summary: "For scripts that are written for docker", hidden: true },
    internal: { kind: "boolean", summary: "Let nothing in or out" },
  },
  arguments: [{ name: "NETWORK" }],
  examples: [
    {
      command: "teu network create --subnet 10.9.0.0/24 office",
      says: "A network with addresses of your choice",
    },
    {
      command: "teu network create -d macvlan -o parent=eth0 --subnet 192.168.1.0/24 lan",
      says: "Containers with addresses of their own on the machine's wire",
    },
  ],
  async run({ flags, arguments: [word = ""] }, { environment }) {
    const name = parseName(word);
    const driver = parseDriver(flags.driver, flags.opt);
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
    const { id } = createNetwork(store, name, {
      ...driver,
      isInternal: flags.internal,
      ...(subnet && { subnet }),
    });
    print(`${id}\n`);
    return 0;
  },
});
