/** Networks and who is in them, looked up in the records. */
import { digestEncoded, digestOf } from "../../spec/index.ts";
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
import { DEFAULT_NETWORK } from "./predefined.ts";

/** The network that `text` names. @throws {NoSuchNetwork} */
export function findNetwork(store: Records, text: string): NetworkRecord {
  const [network, ...others] = findNetworks(store.database, store.namespace, text);
  if (network === undefined || others.length > 0) throw new NoSuchNetwork({ text });
  return network;
}

/** What the pre-defined network is called, before it is recorded and from then on. */
export function defaultNetworkID({ paths, namespace }: Records): string {
  return digestEncoded(digestOf(`${paths.root}\n${namespace}\n${DEFAULT_NETWORK}`));
}

/** Whether `text` names the pre-defined network, which need not be recorded. */
export function isDefaultNetwork(store: Records, text: string): boolean {
  if (text === DEFAULT_NETWORK) return true;
  const [known, ...others] = findNetworks(store.database, store.namespace, text);
  if (known !== undefined) return others.length === 0 && known.name === DEFAULT_NETWORK;
  return /^[0-9a-f]{12,64}$/.test(text) && defaultNetworkID(store).startsWith(text);
}

/** The network that `text` names, recorded or not. @throws {NoSuchNetwork} */
export function identifyNetwork(store: Records, text: string): Pick<NetworkRecord, "id" | "name"> {
  const [known] = findNetworks(store.database, store.namespace, text);
  return known === undefined && isDefaultNetwork(store, text)
    ? { id: defaultNetworkID(store), name: DEFAULT_NETWORK }
    : findNetwork(store, text);
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

/** What a container is connected to, as listEndpoints orders it. */
export function endpointsOf({ database }: Records, container: string): EndpointRecord[] {
  return listEndpoints(database).filter((endpoint) => endpoint.container === container);
}
