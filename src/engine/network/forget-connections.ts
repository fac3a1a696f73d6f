/**
 * What the kernel remembers of connections by published ports. It does to every packet of one what it did to the first: who goes on asking from
 * one port, by UDP or SCTP, would ask the address of a container that is gone, or this machine itself, as long as they ask.
 */
import { forgetConnections } from "../../sys/index.ts";
import { type EndpointRecord, listPorts } from "../store/networks.ts";
import type { Store } from "../store/store.ts";
import { addressBytes } from "./address.ts";
import { addressBytes6, parseAddress6 } from "./address6.ts";

/** Connections that began before the container's ports led to it are new ones from now on. The rules are in force. */
export function forgetEarlier({ database, home }: Store, container: string): void {
  // Of a plain user's ports who leads them in from the machine is the one who asks.
  if (home !== undefined) return;
  const own = listPorts(database).filter((port) => port.container === container);
  for (const protocol of ["udp", "sctp"] as const) {
    const ports = new Set(own.filter((port) => port.protocol === protocol).map(({ hostPort }) => hostPort));
    if (ports.size === 0) continue;
    for (const family of ["ip", "ip6"] as const) forgetConnections({ family, protocol, ports });
  }
}

/** Nothing leads to that address any more: whoever has it next is not asked in its place. The rules are in force. */
export function forgetAnswers(
  { home }: Store,
  { address, address6 }: Pick<EndpointRecord, "address" | "address6">,
): void {
  if (home !== undefined) return;
  forgetConnections({ answeredBy: addressBytes(address) });
  const own6 = parseAddress6(address6 ?? "");
  if (own6 !== undefined) forgetConnections({ answeredBy: addressBytes6(own6) });
}
