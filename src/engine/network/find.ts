/** Networks and who is in them, looked up in the records. */
import {
  allNetworks,
  type EndpointRecord,
  findNetworks,
  listEndpoints,
  type NetworkRecord,
} from "../store/networks.ts";
import type { Records } from "../store/store.ts";
import { poolOf6 } from "./address-plan.ts";
import { type Pool6, parseSubnet6 } from "./address6.ts";
import { NoSuchNetwork } from "./errors.ts";

/** The network that `text` names. @throws {NoSuchNetwork} */
export function findNetwork(store: Records, text: string): NetworkRecord {
  const [network, ...others] = findNetworks(store.database, store.namespace, text);
  if (network === undefined || others.length > 0) throw new NoSuchNetwork({ text });
  return network;
}

export function networkByID({ database }: Records, id: string): NetworkRecord {
  const network = allNetworks(database).find((other) => other.id === id);
  if (network === undefined) throw new NoSuchNetwork({ text: id });
  return network;
}

export function isInternal(store: Records, id: string): boolean {
  return networkByID(store, id).isInternal;
}

/** Its IPv6; undefined: it has none. */
export function subnet6Of({ subnet6, plan }: Pick<NetworkRecord, "subnet6" | "plan">): Pool6 | undefined {
  const parsed = parseSubnet6(subnet6 ?? "");
  return parsed && poolOf6(parsed, plan);
}

/** What a container is connected to, by its devices. */
export function endpointsOf({ database }: Records, container: string): EndpointRecord[] {
  return listEndpoints(database).filter((endpoint) => endpoint.container === container);
}
