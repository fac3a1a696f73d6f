/** `teu network create`. Docker's flags. */
import { print, Unsupported } from "../../base/index.ts";
import {
  createNetwork,
  InvalidOption,
  openEngine,
  parseAddresses,
  parseAssignments,
  parseDriver,
  parseName,
} from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu network create",
  summary: "Make a network",
  flags: {
    subnet: {
      kind: "list",
      value: "ADDRESS/PREFIX",
      summary: "Its addresses, one of IPv4 and one of IPv6; absent: some that nobody uses",
    },
    gateway: {
      kind: "list",
      value: "ADDRESS",
      summary: "This machine's address there, or that of the router on the wire; absent: the subnet's first",
    },
    "ip-range": {
      kind: "list",
      value: "ADDRESS/PREFIX",
      summary: "The part of the subnet from which containers get addresses that ask for none",
    },
    "aux-address": {
      kind: "list",
      value: "NAME=ADDRESS",
      summary: "An address of the subnet that somebody else has, which no container is given",
    },
    ipv6: { kind: "boolean", summary: "Give containers addresses of IPv6, too" },
    label: { kind: "list", value: "NAME[=VALUE]", summary: "Note something about the network" },
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
      summary:
        "Of the driver: parent=DEVICE, macvlan_mode=MODE, ipvlan_mode=MODE; of bridges mtu=BYTES and docker's com.docker.network.…",
    },
    "ipam-driver": {
      kind: "string",
      value: "DRIVER",
      default: "default",
      summary: "For scripts that are written for docker",
      hidden: true,
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
      command: "teu network create --subnet 10.9.0.0/24 --ip-range 10.9.0.128/25 --gateway 10.9.0.254 shop",
      says: "One whose lower half is for addresses that you give yourself (run --ip)",
    },
    {
      command: "teu network create -d macvlan -o parent=eth0 --subnet 192.168.1.0/24 lan",
      says: "Containers with addresses of their own on the machine's wire",
    },
  ],
  async run({ flags, arguments: [word = ""] }, { environment }) {
    const name = parseName(word, "network");
    const driver = parseDriver(flags.driver, flags.opt);
    if (name === "none" || name === "host" || name === "container")
      throw new InvalidOption(
        { option: "NETWORK", value: name },
        `operation is not permitted on predefined ${name} network`,
      );
    if (flags["ipam-driver"] !== "default")
      throw new Unsupported({
        what: `--ipam-driver ${JSON.stringify(flags["ipam-driver"])}`,
        why: "teu gives addresses itself; 'default' is that, and networks by CNI plugins have their own",
      });
    const addresses = parseAddresses({
      ...{ subnets: flags.subnet, ranges: flags["ip-range"], gateways: flags.gateway },
      ...{ reserved: flags["aux-address"], wantsIPv6: flags.ipv6 },
    });
    const store = await openEngine(environment);
    const { id } = createNetwork(store, name, {
      ...driver,
      isInternal: flags.internal,
      labels: parseAssignments("--label", flags.label, false),
      ...addresses,
    });
    print(`${id}\n`);
    return 0;
  },
});
