/** `teu network connect`. Docker's flags. */
import {
  checkAddress,
  checkAddress6,
  checkHardwareAddress,
  connectToNetwork,
  openEngine,
  parseEndpointFlags,
  parseLink,
  parsePriority,
} from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu network connect",
  summary: "Connect a container to a network",
  description: "One that runs is in it at once.",
  flags: {
    alias: { kind: "list", value: "NAME", summary: "A further name by which the others find it" },
    link: {
      kind: "list",
      value: "CONTAINER[:ALIAS]",
      summary: "Let it find another container there by a name of its own for it",
    },
    ip: { kind: "string", value: "ADDRESS", summary: "Its address; absent: one that is free" },
    ip6: { kind: "string", value: "ADDRESS", summary: "Its IPv6 address" },
    "mac-address": { kind: "string", value: "ADDRESS", summary: "The address of its device there" },
    "gw-priority": {
      kind: "string",
      value: "NUMBER",
      summary: "The world is reached by the network with the highest one; absent: 0",
    },
    "driver-opt": {
      kind: "list",
      value: "NAME=VALUE",
      summary: "Of its device there: com.docker.network.endpoint.ifname, com.docker.network.endpoint.sysctls",
    },
  },
  arguments: [{ name: "NETWORK" }, { name: "CONTAINER" }],
  examples: [{ command: "teu network connect --alias db backend postgres", says: "Be found as db there" }],
  async run({ flags, arguments: [name = "", container = ""] }, { environment }) {
    const address = flags.ip === undefined ? undefined : checkAddress(flags.ip, "--ip");
    const address6 = flags.ip6 === undefined ? undefined : checkAddress6(flags.ip6, "--ip6");
    const asked = flags["mac-address"];
    const hardwareAddress = asked === undefined ? undefined : checkHardwareAddress(asked);
    const priority = parsePriority("--gw-priority", flags["gw-priority"] ?? "0");
    const driverOptions = parseEndpointFlags("--driver-opt", flags["driver-opt"]);
    await connectToNetwork(await openEngine(environment), container, {
      name,
      ...(flags["driver-opt"].length > 0 && { driverOptions }),
      ...(hardwareAddress !== undefined && { hardwareAddress }),
      ...(priority !== 0 && { priority }),
      ...(flags.link.length > 0 && { links: flags.link.map(parseLink) }),
      ...(flags.alias.length > 0 && { aliases: flags.alias }),
      ...(address !== undefined && { address }),
      ...(address6 !== undefined && { address6 }),
    });
    return 0;
  },
});
