/** Whether containers need a name server. */
import { DEFAULT_NETWORK } from "../network/predefined.ts";
import { allNetworks, listEndpoints, type NetworkRecord } from "../store/networks.ts";
import type { Records } from "../store/store.ts";
import { loopbackPorts } from "./loopback.ts";

/** Where whoever changes the networks speaks to the server. */
export function nameSocket({ paths }: Records): string {
  return `${paths.run}/names.sock`;
}

/** Whether the store has containers that need the server. */
export function needsNameServer(store: Records): boolean {
  const endpoints = listEndpoints(store.database);
  if (endpoints.length === 0) return false;
  const named = new Set(
    allNetworks(store.database)
      .filter(hasNames)
      .map(({ id }) => id),
  );
  return endpoints.some(({ network }) => named.has(network)) || loopbackPorts(store).length > 0;
}

/** Whether containers find each other by name there: everywhere but in the pre-defined network, as docker has it. */
function hasNames({ name }: NetworkRecord): boolean {
  return name !== DEFAULT_NETWORK;
}

/** Whether this machine is asked there, at the gateway's address. */
export function isAskedAt(network: NetworkRecord): boolean {
  return hasNames(network) && network.driver === "bridge";
}

/** Where names are asked for in the namespace of a container that has no gateway of ours; docker's address. */
export const OWN_RESOLVER = "127.0.0.11";

/**
 * Whom a container in `networks` asks for names: this machine by a gateway's address or, on a wire that it shares with this machine, which it
 * does not reach, an address of its own. undefined: nobody who knows it.
 */
export function nameServerOf(
  networks: readonly NetworkRecord[],
): NetworkRecord | typeof OWN_RESOLVER | undefined {
  return networks.find(isAskedAt) ?? (networks.some(hasNames) ? OWN_RESOLVER : undefined);
}
