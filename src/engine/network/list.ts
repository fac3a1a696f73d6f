/** What is told of networks. */
import { statSync } from "node:fs";
import { CNI_PREFIX } from "../options/network.ts";
import type { NetworkDriver } from "../options/network-driver.ts";
import { containerByID, listContainers } from "../store/containers.ts";
import {
  type EndpointRecord,
  findNetworks,
  listEndpoints,
  listNetworks,
  type NetworkRecord,
} from "../store/networks.ts";
import { notePrune } from "../store/passing-events.ts";
import type { Store } from "../store/store.ts";
import { encodeAddress, encodeHardwareAddress, encodeSubnet } from "./address.ts";
import { type AddressPlan, poolOf } from "./address-plan.ts";
import { encodeAddress6 } from "./address6.ts";
import { bridgeOf } from "./bridge.ts";
import { describeCNINetworks } from "./cni/list.ts";
import { removeNetworks } from "./connect.ts";
import { nextSubnet } from "./create.ts";
import { NetworkPredefined } from "./errors.ts";
import { defaultNetworkID, findNetwork, isDefaultNetwork, subnet6Of } from "./find.ts";
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
    /** Absent: the kernel chose it, and the container alone knows. */
    readonly hardwareAddress?: string;
  }[];
}

/** The networks, by name, and after ours those that files describe. */
export function describeNetworks(store: Store): NetworkSummary[] {
  const own = listNetworks(store.database, store.namespace).map((network) => describe(store, network));
  const hasDefault = own.some(({ name }) => name === DEFAULT_NETWORK);
  const all = [
    ...own,
    ...(hasDefault ? [] : [describeDefault(store)]),
    ...PREDEFINED_NAMES.map((name) => describePredefined(store, name)),
  ];
  return [...all.sort((a, b) => (a.name < b.name ? -1 : 1)), ...describeCNINetworks(store)];
}

/** The network that `text` names. @throws {NoSuchNetwork} */
export function describeNetwork(store: Store, text: string): NetworkSummary {
  const ofFiles = text.startsWith(CNI_PREFIX) ? describeCNINetworks(store) : [];
  const predefined = predefinedNetwork(text);
  if (predefined !== undefined) return describePredefined(store, predefined);
  const described = ofFiles.find(({ name }) => name === text);
  if (described !== undefined) return described;
  const [known] = findNetworks(store.database, store.namespace, text);
  if (known === undefined && isDefaultNetwork(store, text)) return describeDefault(store);
  return describe(store, findNetwork(store, text));
}

/** The pre-defined network before anybody needs it: nothing is made for it, and its addresses are those that it would get now. */
function describeDefault(store: Store): NetworkSummary {
  const id = defaultNetworkID(store);
  const base = { id, name: DEFAULT_NETWORK, driver: "bridge", options: {}, isInternal: false } as const;
  const subnet = nextSubnet(store);
  return {
    ...base,
    subnet: subnet === undefined ? "" : encodeSubnet(subnet),
    gateway: subnet === undefined ? "" : encodeAddress(poolOf(subnet, {}).gateway),
    ...{ labels: {}, plan: {}, bridge: bridgeOf(base).name },
    ...{ createdAt: ageOf(store), containers: [] },
  };
}

/** Since when the store is there, and what is in it by itself. */
function ageOf({ paths }: Store): number {
  return Math.floor(statSync(paths.root).birthtimeMs);
}

function describePredefined(store: Store, name: PredefinedNetwork): NetworkSummary {
  const { database, namespace } = store;
  const { id, driver } = PREDEFINED_NETWORKS[name];
  return {
    ...{ id, name, driver, options: {}, subnet: "", gateway: "", isInternal: false },
    createdAt: ageOf(store),
    containers: listContainers(database, namespace)
      .filter(({ phase, settings }) => phase === "running" && settings.networkMode === name)
      .map((container) => ({ id: container.id, name: container.name, address: "" })),
  };
}

function describe(store: Store, network: NetworkRecord): NetworkSummary {
  const { database } = store;
  const { id, name, driver, options, labels, subnet, subnet6, plan, isInternal, createdAt } = network;
  return {
    ...{ id, name, driver, options, labels, plan, isInternal },
    createdAt: name === DEFAULT_NETWORK ? ageOf(store) : createdAt,
    subnet: encodeSubnet(subnet),
    gateway: encodeAddress(subnet.gateway),
    ...(subnet6 !== undefined && { subnet6, gateway6: gatewayIn6(network) }),
    ...(driver === "bridge" && { bridge: bridgeOf(network).name }),
    containers: listEndpoints(database, id).map(({ container, address, address6 }) => {
      const known = containerByID(database, container);
      const asked = known?.settings.networks?.find((one) => one.name === name)?.hardwareAddress;
      const hardwareAddress = asked ?? (driver === "bridge" ? encodeHardwareAddress(address) : undefined);
      return {
        ...{ id: container, name: known?.name ?? "", address: encodeAddress(address) },
        ...(address6 !== null && { address6 }),
        ...(hardwareAddress !== undefined && { hardwareAddress }),
      };
    }),
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
  if (isDefaultNetwork(store, text))
    throw new NetworkPredefined({ name: DEFAULT_NETWORK }, "'teu network prune' takes its bridge away");
  removeNetworks(store, [findNetwork(store, text)]);
}

/** Has plugins of CNI networks give back what belongs to no container. @returns what went wrong */
export async function collectPluginNetworks(store: Store): Promise<string[]> {
  return store.home === undefined ? await (await import("./cni/check.ts")).collectCNI(store) : [];
}

/** Removes every network that is wanted gone and that nobody is connected to. @returns their names */
export function pruneNetworks(
  store: Store,
  isWanted: (network: Pick<NetworkSummary, "id">) => boolean,
): string[] {
  const pruned = removeIdle(store, isWanted);
  notePrune(store, "network", 0);
  return pruned;
}

/**
 * Removes the networks that are wanted gone and that nobody is in. Of the pre-defined one, what is in the kernel goes, which comes back when it is
 * needed, unless somebody has asked for what it is. @returns the names of the others
 */
export function removeIdle(
  store: Store,
  isWanted: (network: NetworkRecord) => boolean,
  isDryRun = false,
): string[] {
  const { database, namespace } = store;
  const idle = listNetworks(database, namespace).filter(
    (network) =>
      (network.name !== DEFAULT_NETWORK || network.isByItself) &&
      listEndpoints(database, network.id).length === 0 &&
      isWanted(network),
  );
  if (!isDryRun && idle.length > 0) removeNetworks(store, idle);
  return idle.map(({ name }) => name).filter((name) => name !== DEFAULT_NETWORK);
}
