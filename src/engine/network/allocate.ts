/** Which addresses, and which device, a container gets in a network. */
import { deviceAsked, turnsIPv6Off } from "../options/endpoint-options.ts";
import type { NetworkAttachment } from "../options/network.ts";
import { listCNIAttachments } from "../store/cni.ts";
import { addEndpoint, type EndpointRecord, listEndpoints, type NetworkRecord } from "../store/networks.ts";
import type { Store } from "../store/store.ts";
import { encodeSubnet, freeAddress, isIn, parseAddress } from "./address.ts";
import { encodeAddress6, freeAddress6, isIn6, parseAddress6 } from "./address6.ts";
import { ownAddresses, ownAddresses6 } from "./devices.ts";
import { AddressRefused, InterfaceNameInUse, NoAddressLeft } from "./errors.ts";
import { endpointsOf, subnet6Of } from "./find.ts";
import { DEFAULT_NETWORK } from "./predefined.ts";

export interface Allocated {
  readonly address: number;
  readonly address6: string | null;
  readonly device: string;
  readonly position: number;
  readonly asked: NetworkAttachment;
}

/**
 * An address that nobody has, or the one that is asked for. In a transaction.
 * @param kept  Names of devices that others of the container's ask for
 * @throws {NoAddressLeft} {AddressRefused} {InterfaceNameInUse}
 */
export function allocate(
  store: Store,
  network: NetworkRecord,
  container: string,
  attachment: NetworkAttachment,
  kept: readonly string[] = [],
): Allocated {
  const { address: asked, address6: asked6, hardwareAddress, driverOptions, priority = 0 } = attachment;
  const { database } = store;
  const others = listEndpoints(database, network.id);
  const used = new Set(others.map((endpoint) => endpoint.address));
  // This machine is on the wire, too.
  if (network.driver !== "bridge") for (const own of ownAddresses(store.home)) used.add(own.address);
  if (network.driver === "ipvlan" && hardwareAddress !== undefined)
    throw new AddressRefused({
      address: hardwareAddress,
      network: network.name,
      why: "ipvlan interfaces do not support custom mac address assignment",
    });
  const address =
    asked === undefined
      ? freeAddress(network.subnet, used, network.lastAddress)
      : checkedAddress(network, asked, used);
  if (address === undefined) throw new NoAddressLeft({ network: network.name });
  const device = freeDevice(store, container, deviceAsked(driverOptions), kept);
  const address6 = turnsIPv6Off(driverOptions) ? null : allocate6(network, asked6, address, others);
  const position = freePosition(endpointsOf(store, container));
  const place = { address, address6, device, position };
  addEndpoint(database, { container, network: network.id, ...place, priority });
  return { ...place, asked: attachment };
}

function freePosition(endpoints: readonly EndpointRecord[]): number {
  const used = new Set(endpoints.map(({ position }) => position));
  let position = 0;
  while (used.has(position)) position++;
  return position;
}

/** The address that goes with `address`, or the one that is asked for; null where the network has none. @throws {AddressRefused} */
function allocate6(
  network: NetworkRecord,
  asked: string | undefined,
  address: number,
  others: readonly EndpointRecord[],
): string | null {
  const subnet = subnet6Of(network);
  const used = new Set(others.flatMap(({ address6 }) => parseAddress6(address6 ?? "") ?? []));
  if (network.driver !== "bridge" && subnet !== undefined) for (const own of ownAddresses6()) used.add(own);
  if (asked === undefined)
    return subnet === undefined
      ? null
      : encodeAddress6(freeAddress6(subnet, address - network.subnet.base, used));
  const refused = (why: string) => new AddressRefused({ address: asked, network: network.name, why });
  if (network.name === DEFAULT_NETWORK)
    throw refused("user specified IP address is supported on user defined networks only");
  if (subnet === undefined) throw refused("the network has no IPv6");
  const wanted = parseAddress6(asked);
  if (wanted === undefined || !isIn6(subnet, wanted))
    throw refused(`it is no address of a container in ${network.subnet6}`);
  if (used.has(wanted) || subnet.reserved.has(wanted)) throw refused("Address already in use");
  return encodeAddress6(wanted);
}

/** @throws {AddressRefused} */
function checkedAddress({ name, subnet }: NetworkRecord, text: string, used: ReadonlySet<number>): number {
  const address = parseAddress(text);
  const refused = (why: string) => new AddressRefused({ address: text, network: name, why });
  if (name === DEFAULT_NETWORK)
    throw refused("user specified IP address is supported on user defined networks only");
  if (address === undefined || !isIn(subnet, address))
    throw refused(`it is no address of a container in ${encodeSubnet(subnet)}`);
  if (used.has(address) || subnet.reserved.has(address)) throw refused("Address already in use");
  return address;
}

/**
 * The name that is asked for, or the first of `eth0`, `eth1` … that a container has not, neither in a network of ours nor in one of plugins.
 * @throws {InterfaceNameInUse}
 */
export function freeDevice(
  store: Store,
  container: string,
  asked?: string,
  kept: readonly string[] = [],
): string {
  const places = [...endpointsOf(store, container), ...listCNIAttachments(store.database, container)];
  const devices = new Set(places.map(({ device }) => device));
  if (asked !== undefined) {
    if (devices.has(asked)) throw new InterfaceNameInUse({ name: asked });
    return asked;
  }
  let index = 0;
  while (devices.has(`eth${index}`) || kept.includes(`eth${index}`)) index++;
  return `eth${index}`;
}
