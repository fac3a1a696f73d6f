/** What is told of networks. */
import { statSync } from "node:fs";
import { CNI_PREFIX } from "../options/network.ts";
import type { NetworkDriver } from "../options/network-driver.ts";
import { listContainers, nameOfContainer } from "../store/containers.ts";
import { type EndpointRecord, listEndpoints, listNetworks, type NetworkRecord } from "../store/networks.ts";
import { notePrune } from "../store/passing-events.ts";
import type { Store } from "../store/store.ts";
import { encodeAddress, encodeSubnet } from "./address.ts";
import type { AddressPlan } from "./address-plan.ts";
import { encodeAddress6 } from "./address6.ts";
import { bridgeOf } from "./bridge.ts";
import { describeCNINetworks } from "./cni/list.ts";
import { removeNetworks } from "./connect.ts";
import { NetworkPredefined } from "./errors.ts";
import { findNetwork, subnet6Of } from "./find.ts";
import {
  DEFAULT_NETWORK,
  PREDEFINED_NAMES,
  PREDEFINED_NETWORKS,
  type PredefinedNetwork,
  predefinedNetwork,
} from "./predefined.ts";

/** One network, as lists show it. */
export interface NetworkSummary {
  readonly id: string;
  readonly name: string;
  /** `cni`: files describe it; `host` and `null`: the pre-defined ones. */
  readonly driver: NetworkDriver | "cni" | "host" | "null";
  /** Of the driver. */
  readonly options: Readonly<Record<string, string>>;
  /** "": its plugins know. */
  readonly subnet: string;
  readonly gateway: string;
  /** Absent: it has no IPv6. */
  readonly subnet6?: string;
  readonly gateway6?: string;
  /** What was asked for of its addresses; absent: nothing. */
  readonly plan?: AddressPlan;
  readonly labels?: Readonly<Record<string, string>>;
  /** The device of a bridge network; it comes with the first container. */
  readonly bridge?: string;
  readonly isInternal: boolean;
  readonly createdAt: number;
  /** The containers that are connected, and their addresses. */
  readonly containers: readonly {
    readonly id: string;
    readonly name: string;
    readonly address: string;
    readonly address6?: string;
  }[];
}

/** The networks, by name, and after ours those that files describe. */
export function describeNetworks(store: Store): NetworkSummary[] {
  const own = listNetworks(store.database, store.namespace).map((network) => describe(store, network));
  const all = [...own, ...PREDEFINED_NAMES.map((name) => describePredefined(store, name))];
  return [...all.sort((a, b) => (a.name < b.name ? -1 : 1)), ...describeCNINetworks(store)];
}

/** The network that `text` names. @throws {NoSuchNetwork} */
export function describeNetwork(store: Store, text: string): NetworkSummary {
  const ofFiles = text.startsWith(CNI_PREFIX) ? describeCNINetworks(store) : [];
  const predefined = predefinedNetwork(text);
  if (predefined !== undefined) return describePredefined(store, predefined);
  return ofFiles.find(({ name }) => name === text) ?? describe(store, findNetwork(store, text));
}

/** It is as old as the store. */
function describePredefined({ database, namespace, paths }: Store, name: PredefinedNetwork): NetworkSummary {
  const { id, driver } = PREDEFINED_NETWORKS[name];
  return {
    ...{ id, name, driver, options: {}, subnet: "", gateway: "", isInternal: false },
    createdAt: Math.floor(statSync(paths.root).birthtimeMs),
    containers: listContainers(database, namespace)
      .filter(({ phase, settings }) => phase === "running" && settings.networkMode === name)
      .map((container) => ({ id: container.id, name: container.name, address: "" })),
  };
}

function describe({ database }: Store, network: NetworkRecord): NetworkSummary {
  const { id, name, driver, options, labels, subnet, subnet6, plan, isInternal, createdAt } = network;
  return {
    ...{ id, name, driver, options, labels, plan, isInternal, createdAt },
    subnet: encodeSubnet(subnet),
    gateway: encodeAddress(subnet.gateway),
    ...(subnet6 !== undefined && { subnet6, gateway6: gatewayIn6(network) }),
    ...(driver === "bridge" && { bridge: bridgeOf(network).name }),
    containers: listEndpoints(database, id).map(({ container, address, address6 }) => ({
      id: container,
      name: nameOfContainer(database, container),
      address: encodeAddress(address),
      ...(address6 !== null && { address6 }),
    })),
  };
}

function gatewayIn6(network: NetworkRecord): string {
  const subnet = subnet6Of(network);
  return subnet === undefined ? "" : encodeAddress6(subnet.gateway);
}

/** A container's place in IPv6, in docker's words; empty where there is none. Source: Docker Engine API, EndpointSettings. */
export function addressIn6(
  network: NetworkRecord | undefined,
  endpoint: EndpointRecord | undefined,
): {
  readonly IPv6Gateway: string;
  readonly GlobalIPv6Address: string;
  readonly GlobalIPv6PrefixLen: number;
} {
  if (network?.subnet6 === undefined)
    return { IPv6Gateway: "", GlobalIPv6Address: "", GlobalIPv6PrefixLen: 0 };
  return {
    IPv6Gateway: gatewayIn6(network),
    GlobalIPv6Address: endpoint?.address6 ?? "",
    GlobalIPv6PrefixLen: Number(network.subnet6.split("/")[1]),
  };
}

/** Removes a network. @throws {NoSuchNetwork} {NetworkInUse} {NetworkPredefined} */
export function removeNetwork(store: Store, text: string): void {
  const predefined = predefinedNetwork(text);
  if (predefined !== undefined) throw new NetworkPredefined({ name: predefined });
  const network = findNetwork(store, text);
  const { name } = network;
  if (name === DEFAULT_NETWORK)
    throw new NetworkPredefined({ name }, "'teu network prune' takes its bridge away");
  removeNetworks(store, [network]);
}

/** Has plugins of CNI networks give back what belongs to no container. @returns what went wrong */
export async function collectPluginNetworks(store: Store): Promise<string[]> {
  return store.home === undefined ? await (await import("./cni/check.ts")).collectCNI(store) : [];
}

/** Removes every network that is wanted gone and that nobody is connected to; the pre-defined one comes back when it is needed. @returns their names */
export function pruneNetworks(
  store: Store,
  isWanted: (network: Pick<NetworkSummary, "id">) => boolean,
): string[] {
  const idle = listNetworks(store.database, store.namespace).filter(
    (network) => isWanted(network) && listEndpoints(store.database, network.id).length === 0,
  );
  if (idle.length > 0) removeNetworks(store, idle);
  notePrune(store, "network", 0);
  return idle.map(({ name }) => name);
}
