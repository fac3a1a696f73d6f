/** Whether containers need a name server. */
import { DEFAULT_NETWORK } from "../network/find.ts";
import { allNetworks, listEndpoints, type NetworkRecord } from "../store/networks.ts";
import type { Records } from "../store/store.ts";

/** Where whoever changes the networks speaks to the server. */
export function nameSocket({ paths }: Records): string {
  return `${paths.run}/names.sock`;
}

/** Whether the store has containers that need the server. */
export function needsNameServer(store: Records): boolean {
  const endpoints = listEndpoints(store.database);
  if (endpoints.length === 0) return false;
  const named = new Set(namedNetworks(store).map(({ id }) => id));
  return endpoints.some(({ network }) => named.has(network));
}

/** The networks of ours whose containers find each other by name: all but the pre-defined one, as docker has it. */
export function namedNetworks({ database }: Records): NetworkRecord[] {
  return allNetworks(database).filter(hasNames);
}

/** Whether containers ask this machine for names there: on a wire that they share with it they do not reach it. */
export function hasNames({ name, driver }: NetworkRecord): boolean {
  return name !== DEFAULT_NETWORK && driver === "bridge";
}
