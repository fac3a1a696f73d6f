/** `teu network create`. Docker's flags. */
import { print, Unsupported } from "../../base/index.ts";
import {
  createNetwork,
  InvalidOption,
  MAX_PREFIX_LENGTH,
  openEngine,
  parseAssignments,
  parseDriver,
  parseName,
  parseSubnet,
  parseSubnet6,
  type Subnet,
  type Subnet6,
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
    const { subnet, subnet6 } = subnetsOf(flags.subnet, flags.ipv6);
    if (subnet6 !== undefined && flags.driver !== "bridge")
      throw new Unsupported({
        what: `--ipv6 with driver ${flags.driver}`,
        why: "only bridge networks have it yet",
      });
    const store = await openEngine(environment);
    const { id } = createNetwork(store, name, {
      ...driver,
      isInternal: flags.internal,
      labels: parseAssignments("--label", flags.label, false),
      ...(subnet && { subnet }),
      ...(subnet6 && { subnet6 }),
    });
    print(`${id}\n`);
    return 0;
  },
});

/** One subnet of each family; `--ipv6` alone takes one that nobody uses. @throws {InvalidOption} */
function subnetsOf(
  texts: readonly string[],
  wantsIPv6: boolean,
): { readonly subnet?: Subnet; readonly subnet6?: Subnet6 | "own" } {
  let subnet: Subnet | undefined;
  let subnet6: Subnet6 | undefined;
  for (const text of texts) {
    const refused = (why: string) =>
      new InvalidOption(
        { option: "--subnet", value: text },
        `Invalid subnet ${JSON.stringify(text)}: ${why}`,
      );
    if (text.includes(":")) {
      const parsed = parseSubnet6(text);
      if (parsed === undefined || parsed.prefixLength > MAX_PREFIX_LENGTH)
        throw refused(`wants IPv6, as in fd00:1::/64, with a prefix of ${MAX_PREFIX_LENGTH} bits at most`);
      if (!wantsIPv6) throw refused("it is of IPv6, which takes --ipv6");
      if (subnet6 !== undefined) throw refused("the network has one of IPv6 already");
      subnet6 = parsed;
    } else {
      const parsed = parseSubnet(text);
      if (parsed === undefined || parsed.prefixLength > 29)
        throw refused("wants IPv4, as in 10.9.0.0/24, of 8 addresses at least");
      if (subnet !== undefined) throw refused("the network has one of IPv4 already");
      subnet = parsed;
    }
  }
  return { ...(subnet && { subnet }), ...(wantsIPv6 && { subnet6: subnet6 ?? ("own" as const) }) };
}
