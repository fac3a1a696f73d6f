/**
 * The packet filter's rules for all networks of a store, as the text of one transaction for `nft -f -`. One table of ours holds all of
 * them, and is written whole: what is in the records is what is in force. Other tables are not touched. Pure.
 *
 * What holds: a container reaches the world as the host (masquerade); containers of different networks do not reach each other; nothing
 * from outside reaches a container but by a published port; an internal network reaches nothing; a port published on 127.0.0.1 is
 * reached from this machine alone, though the kernel must be allowed to route loopback addresses to the bridge (CVE-2020-8558).
 * Source: nft(8); moby libnetwork, drivers/bridge.
 */
import type { Protocol } from "../options/publish.ts";
import { encodeAddress, encodeSubnet, type Pool } from "./address.ts";
import { encodeSubnet6, type Subnet6 } from "./address6.ts";

/** One network as the rules see it. */
export interface RuledNetwork {
  readonly bridge: string;
  readonly subnet: Pool;
  readonly subnet6?: Subnet6 | undefined;
  /** Nothing goes in or out. */
  readonly isInternal: boolean;
  /** Its containers reach each other by published ports alone. The bridge sees to it; here, that it is not got round by this machine. */
  readonly isIsolated: boolean;
  /** Whether its containers reach the world as this machine. */
  readonly isMasqueraded: boolean;
  /** Where its name server listens, at the gateway's address; absent: it has none. */
  readonly namePort?: number;
}

/** One published port of a container that runs. */
export interface RuledPort {
  readonly protocol: Protocol;
  /** Absent: every address of the host. */
  readonly hostAddress?: string;
  readonly hostPort: number;
  /** As text. */
  readonly address: string;
  readonly containerPort: number;
}

/** The transaction that makes `table` what it should be; without networks it takes it away. */
export function encodeRules(
  table: string,
  networks: readonly RuledNetwork[],
  ports: readonly RuledPort[],
): string {
  // The first line makes the deletion succeed where there was none.
  const clear = `table inet ${table}\ndelete table inet ${table}\n`;
  if (networks.length === 0) return clear;
  const bridges = set(networks.map(({ bridge }) => quoted(bridge)));
  const open = networks.filter(({ isInternal }) => !isInternal);
  const friendly = networks
    .filter(({ isIsolated }) => !isIsolated)
    .map(({ bridge }) => `${quoted(bridge)} . ${quoted(bridge)}`);
  const chains = [
    chain("nat_in", "type nat hook prerouting priority dstnat", [
      ...networks.flatMap(({ bridge, subnet, namePort }) => {
        const gateway = encodeAddress(subnet.gateway);
        const asks = `iifname ${quoted(bridge)} ip daddr ${gateway} meta l4proto { tcp, udp } th dport 53`;
        return namePort === undefined ? [] : [`${asks} dnat ip to ${gateway}:${namePort}`];
      }),
      "fib daddr type local jump published",
    ]),
    chain("nat_here", "type nat hook output priority -100", [
      // The kernel takes nothing back from a bridge for that address: a process leads on what asks there, see names/loopback-server.ts.
      "ip6 daddr ::1 return",
      "fib daddr type local jump published",
    ]),
    chain("published", undefined, [
      "dnat ip to ip daddr . meta l4proto . th dport map @ports_of_address",
      "dnat ip to meta l4proto . th dport map @ports",
      "dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports_of_address6",
      "dnat ip6 to meta l4proto . th dport map @ports6",
    ]),
    chain("nat_out", "type nat hook postrouting priority srcnat", [
      // From this machine by its loopback address: the container could not answer to that.
      `oifname ${bridges} ip saddr 127.0.0.0/8 masquerade`,
      ...open.flatMap(({ bridge, subnet, subnet6, isMasqueraded }) =>
        [
          `ip saddr ${encodeSubnet(subnet)}`,
          ...(subnet6 === undefined ? [] : [`ip6 saddr ${encodeSubnet6(subnet6)}`]),
        ].flatMap((from) => [
          ...(isMasqueraded ? [`${from} oifname != ${quoted(bridge)} masquerade`] : []),
          // A container that asks for its own network by a published port: the answer has to come back this way.
          `${from} oifname ${quoted(bridge)} ct status dnat masquerade`,
        ]),
      ),
    ]),
    chain("guard", "type filter hook prerouting priority raw", [
      // Neither a container nor a neighbour of this machine is this machine.
      'iifname != "lo" ip daddr 127.0.0.0/8 drop',
      'iifname != "lo" ip6 daddr ::1 drop',
    ]),
    chain("forward", "type filter hook forward priority filter", [
      ...networks
        .filter(({ isInternal }) => isInternal)
        .flatMap(({ bridge }) => [
          `iifname ${quoted(bridge)} oifname != ${quoted(bridge)} drop`,
          `oifname ${quoted(bridge)} iifname != ${quoted(bridge)} drop`,
        ]),
      `oifname ${bridges} ct state established,related accept`,
      // One look, however many networks there are: every packet that leaves a container comes by here.
      ...(friendly.length === 0 ? [] : [`iifname . oifname ${set(friendly)} accept`]),
      `oifname ${bridges} ct status dnat accept`,
      `oifname ${bridges} drop`,
    ]),
  ];
  const families = [
    { suffix: "", type: "ipv4_addr", own: ports.filter(({ address }) => !address.includes(":")) },
    { suffix: "6", type: "ipv6_addr", own: ports.filter(({ address }) => address.includes(":")) },
  ];
  const maps = families.flatMap(({ suffix, type, own }) => [
    map(
      `ports_of_address${suffix}`,
      `${type} . inet_proto . inet_service : ${type} . inet_service`,
      own
        .filter(({ hostAddress }) => hostAddress !== undefined)
        .map((port) => `${port.hostAddress} . ${port.protocol} . ${port.hostPort} : ${target(port)}`),
    ),
    map(
      `ports${suffix}`,
      `inet_proto . inet_service : ${type} . inet_service`,
      own
        .filter(({ hostAddress }) => hostAddress === undefined)
        .map((port) => `${port.protocol} . ${port.hostPort} : ${target(port)}`),
    ),
  ]);
  return `${clear}table inet ${table} {\n${[...maps, ...chains].join("")}}\n`;
}

function target({ address, containerPort }: RuledPort): string {
  return `${address} . ${containerPort}`;
}

function map(name: string, type: string, elements: readonly string[]): string {
  const content = elements.length === 0 ? "" : `    elements = { ${elements.join(", ")} }\n`;
  return `  map ${name} {\n    type ${type}\n${content}  }\n`;
}

function chain(name: string, hook: string | undefined, rules: readonly string[]): string {
  const head = hook === undefined ? "" : `    ${hook}; policy accept;\n`;
  return `  chain ${name} {\n${head}${rules.map((rule) => `    ${rule}\n`).join("")}  }\n`;
}

function set(words: readonly string[]): string {
  return `{ ${words.join(", ")} }`;
}

function quoted(name: string): string {
  return `"${name}"`;
}
