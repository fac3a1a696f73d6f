/** Makes networks: their records. Devices come with the first container. */
import { existsSync } from "node:fs";
import { randomHex, Unsupported } from "../../base/index.ts";
import { bridgeSettings } from "../options/bridge-options.ts";
import type { NetworkDriver } from "../options/network-driver.ts";
import { inTransaction } from "../store/database.ts";
import {
  addNetwork,
  allNetworks,
  deleteNetwork,
  listEndpoints,
  listNetworks,
  type NetworkRecord,
} from "../store/networks.ts";
import type { Store } from "../store/store.ts";
import { encodeSubnet, freeSubnet, overlaps, type Subnet } from "./address.ts";
import type { AddressPlan } from "./address-plan.ts";
import { encodeSubnet6, overlaps6, ownSubnet6, type Subnet6 } from "./address6.ts";
import { bridgeOf } from "./bridge.ts";
import { presentBridge, removeBridge, usedSubnets, usedSubnets6 } from "./devices.ts";
import { BridgeInUse, MTUTooSmall, NoAddressLeft, NoIPv6, ParentInUse, SubnetInUse } from "./errors.ts";
import { defaultNetworkID, subnet6Of } from "./find.ts";
import { lock } from "./lock.ts";
import { noteNetworks } from "./note-networks.ts";
import { DEFAULT_NETWORK } from "./predefined.ts";

/** Fewer bytes, and the kernel turns IPv6 off. Source: RFC 8200. */
const MIN_MTU_OF_IPV6 = 1280;

/** What a new network is to be. */
export interface NetworkWishes {
  /** Absent: one that nobody uses. */
  readonly subnet?: Subnet;
  /** Absent: IPv4 alone; "own": one that nobody uses. */
  readonly subnet6?: Subnet6 | "own";
  readonly plan?: AddressPlan;
  readonly labels?: Readonly<Record<string, string>>;
  readonly isInternal: boolean;
  readonly driver: NetworkDriver;
  readonly options: Readonly<Record<string, string>>;
}

/** Records a network; the pre-defined one gets other settings, while nobody is in it. @throws {NetworkExists} {SubnetInUse} {NoAddressLeft} {BridgeInUse} {NoBridge} {ParentInUse} */
export function createNetwork(store: Store, name: string, wishes: NetworkWishes): NetworkRecord {
  using _lock = lock(store);
  return makeNetwork(store, name, wishes);
}

/** The same, under the lock. */
export function makeNetwork(
  store: Store,
  name: string,
  { subnet: asked, subnet6: asked6, plan = {}, labels = {}, isInternal, driver, options }: NetworkWishes,
): NetworkRecord {
  const { database, namespace, home } = store;
  if (home !== undefined && driver !== "bridge")
    throw new Unsupported({ what: `network driver ${driver}`, why: "this machine's devices are root's" });
  const former = idleDefault(store, name);
  // It comes back with the first container, whatever becomes of this.
  if (former !== undefined) removeBridge(bridgeOf(former), home);
  const others = allNetworks(database).filter(({ id }) => id !== former?.id);
  const rival = others.find(
    (other) => options["parent"] !== undefined && other.options["parent"] === options["parent"],
  );
  if (rival !== undefined) throw new ParentInUse({ network: rival.name, parent: options["parent"] ?? "" });
  // A bridge that somebody has made may have the subnet's addresses already.
  const bridge = driver === "bridge" ? checkedBridge(store, name, options, others) : undefined;
  // And one that is on a wire of this machine's has the addresses of that wire.
  const isOnWire = options["parent"] !== undefined && asked !== undefined;
  const used = [...(isOnWire ? [] : usedSubnets(home, bridge)), ...others.map(({ subnet }) => subnet)];
  const subnet = asked ?? freeSubnet(used);
  if (subnet === undefined) throw new NoAddressLeft({ network: name });
  if (asked !== undefined && used.some((other) => overlaps(asked, other)))
    throw new SubnetInUse({ subnet: encodeSubnet(asked) });
  const id = former?.id ?? (name === DEFAULT_NETWORK ? defaultNetworkID(store) : randomHex(32));
  const subnet6 = asked6 && (asked6 === "own" ? ownSubnet6(id) : asked6);
  if (subnet6 !== undefined)
    checkSubnet6(subnet6, [
      ...(isOnWire && asked6 !== "own" ? [] : usedSubnets6(home, bridge)),
      ...others.flatMap((other) => subnet6Of(other) ?? []),
    ]);
  const { mtu = MIN_MTU_OF_IPV6 } = bridgeSettings(options);
  if (subnet6 !== undefined && mtu < MIN_MTU_OF_IPV6)
    throw new MTUTooSmall({ network: name, mtu, least: MIN_MTU_OF_IPV6 });
  const isPlain = asked === undefined && asked6 === undefined && !isInternal && driver === "bridge";
  const isByItself = isPlain && [plan, labels, options].every((wish) => Object.keys(wish).length === 0);
  const network = inTransaction(database, () => {
    if (former !== undefined) deleteNetwork(database, former);
    return addNetwork(database, namespace, {
      ...{ id, name, subnet, plan, driver, options, labels },
      isByItself: isByItself && name === DEFAULT_NETWORK,
      ...(subnet6 && { subnet6: encodeSubnet6(subnet6) }),
      // Without a parent there is nowhere to go.
      isInternal: isInternal || (driver !== "bridge" && options["parent"] === undefined),
    });
  });
  noteNetworks(store);
  return network;
}

/** The pre-defined network, if `name` is its, it is recorded and nobody is in it. */
function idleDefault({ database, namespace }: Store, name: string): NetworkRecord | undefined {
  if (name !== DEFAULT_NETWORK) return undefined;
  const known = listNetworks(database, namespace).find((network) => network.name === name);
  return known !== undefined && listEndpoints(database, known.id).length === 0 ? known : undefined;
}

/** The subnet that a network would get now that asks for none; undefined: none is left. */
export function nextSubnet({ database, home }: Store): Subnet | undefined {
  return freeSubnet([...usedSubnets(home), ...allNetworks(database).map(({ subnet }) => subnet)]);
}

/** @returns the index of the bridge that is there; undefined: teu will make one @throws {BridgeInUse} {NoBridge} */
function checkedBridge(
  { home }: Store,
  name: string,
  options: Readonly<Record<string, string>>,
  others: readonly NetworkRecord[],
): number | undefined {
  const bridge = bridgeSettings(options).name;
  if (bridge === undefined) return undefined;
  const rival = others.find((other) => other.driver === "bridge" && bridgeOf(other).name === bridge);
  if (rival !== undefined) throw new BridgeInUse({ network: name, other: rival.name, bridge });
  return presentBridge(bridge, home);
}

/** @throws {NoIPv6} {SubnetInUse} */
function checkSubnet6(subnet: Subnet6, used: readonly Subnet6[]): void {
  if (!existsSync("/proc/sys/net/ipv6")) throw new NoIPv6();
  if (used.some((other) => overlaps6(subnet, other)))
    throw new SubnetInUse({ subnet: encodeSubnet6(subnet) });
}
