/** Which names a container can ask for: those of the containers in its networks. */

import { addressBytes, encodeAddress } from "../network/address.ts";
import { addressBytes6, parseAddress6 } from "../network/address6.ts";
import { DEFAULT_NETWORK } from "../network/predefined.ts";
import { shortID } from "../options/name.ts";
import { isOf } from "../options/network.ts";
import { type ContainerRecord, listContainers } from "../store/containers.ts";
import { allNetworks, type EndpointRecord, listEndpoints, type NetworkRecord } from "../store/networks.ts";
import type { Store } from "../store/store.ts";
import { type Answer, type Query, recordType } from "./message.ts";

/** Who asks: a container, by its address in the network of whose server it asks. */
export interface Asker {
  readonly container: ContainerRecord;
  /** The networks that it is in. */
  readonly networks: readonly NetworkRecord[];
}

/** The container that has `address` in `network`. */
export function askerAt(store: Store, network: string, address: string): Asker | undefined {
  const endpoints = listEndpoints(store.database);
  const endpoint = endpoints.find(
    (other) => other.network === network && encodeAddress(other.address) === address,
  );
  return askerOf(store, endpoint?.container ?? "");
}

/** The container whose ID is `id`. */
export function askerOf(store: Store, id: string): Asker | undefined {
  const container = containers(store).get(id);
  if (container === undefined) return undefined;
  const endpoints = listEndpoints(store.database);
  const ids = new Set(
    endpoints.filter((other) => other.container === container.id).map((other) => other.network),
  );
  return { container, networks: allNetworks(store.database).filter(({ id }) => ids.has(id)) };
}

/** What we know of the name that is asked for; undefined: it is none of ours. */
export function answersTo(store: Store, asker: Asker, { name, type }: Query): Answer[] | undefined {
  const all = containers(store);
  const seen = asker.networks
    .filter((network) => network.name !== DEFAULT_NETWORK)
    .flatMap((network) =>
      listEndpoints(store.database, network.id).map((endpoint) => ({ network, endpoint })),
    );
  if (type === recordType.ptr) {
    const found = seen.find(({ endpoint }) => reverseNames(endpoint).includes(name));
    const owner = found && all.get(found.endpoint.container);
    return owner && [{ type: "ptr", name: `${owner.name}.${found.network.name}` }];
  }
  const named = seen.filter(({ network, endpoint }) => {
    const container = all.get(endpoint.container);
    return container !== undefined && namesOf(container, network).includes(meantBy(name, asker, network));
  });
  if (named.length === 0) return undefined;
  // A name of ours without the records that are asked for is a name all the same.
  if (type === recordType.aaaa)
    return named.flatMap(({ endpoint }) => {
      const address = parseAddress6(endpoint.address6 ?? "");
      return address === undefined ? [] : [{ type: "aaaa" as const, address: addressBytes6(address) }];
    });
  if (type !== recordType.a) return [];
  return named.map(({ endpoint }) => ({ type: "a", address: addressBytes(endpoint.address) }));
}

/** What the asker's own name for another container stands for in that network; a name that is not its own stands for itself. */
function meantBy(name: string, { container }: Asker, network: NetworkRecord): string {
  const { links = [] } = (container.settings.networks ?? []).find((other) => isOf(other, network)) ?? {};
  const link = links.find(({ alias }) =>
    [alias, `${alias}.${network.name}`].some((text) => text.toLowerCase() === name),
  );
  const target = link?.target ?? name;
  return (/^[0-9a-f]{64}$/.test(target) ? shortID(target) : target).toLowerCase();
}

/** In lower case, as questions are compared. */
function namesOf({ id, name, settings }: ContainerRecord, network: NetworkRecord): string[] {
  const attachment = (settings.networks ?? []).find((other) => isOf(other, network));
  const { hostname = name } = settings;
  const names = [name, shortID(id), hostname, ...(attachment?.aliases ?? [])].map((text) =>
    text.toLowerCase(),
  );
  return names.flatMap((text) => [text, `${text}.${network.name.toLowerCase()}`]);
}

function reverseNames({ address, address6 }: EndpointRecord): string[] {
  const own = `${[...addressBytes(address)].reverse().join(".")}.in-addr.arpa`;
  const number = parseAddress6(address6 ?? "");
  if (number === undefined) return [own];
  const digits = [...number.toString(16).padStart(32, "0")].reverse();
  return [own, `${digits.join(".")}.ip6.arpa`];
}

function containers({ database, namespace }: Store): Map<string, ContainerRecord> {
  return new Map(listContainers(database, namespace).map((container) => [container.id, container]));
}
