/**
 * Connects containers to networks and publishes their ports, from the records to the devices and rules that are in force. A network's
 * bridge comes with its first container and stays until the network goes: to remove a device takes the kernel longer than to start a
 * container. One lock for the machine: stores share its addresses, and what is in force must be what the last one wrote.
 */
import { existsSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { thisOwner } from "../../base/index.ts";
import { digestEncoded, digestOf } from "../../spec/index.ts";
import { hasFilterTable } from "../../sys/index.ts";
import { bridgeSettings } from "../options/bridge-options.ts";
import { deviceAsked, parametersFor } from "../options/endpoint-options.ts";
import { byPriority, type NetworkAttachment } from "../options/network.ts";
import type { PublishedPort } from "../options/publish.ts";
import { inTransaction } from "../store/database.ts";
import {
  allNetworks,
  deleteConnections,
  deleteEndpoint,
  deleteNetwork,
  type EndpointRecord,
  findNetworks,
  listEndpoints,
  listPorts,
  type NetworkRecord,
  setNamePort,
} from "../store/networks.ts";
import type { Store } from "../store/store.ts";
import { addressBytes, encodeAddress } from "./address.ts";
import { addressBytes6, LOOPBACK6, parseAddress6 } from "./address6.ts";
import { type Allocated, allocate } from "./allocate.ts";
import { allocatePorts, isIPv6 } from "./allocate-ports.ts";
import { bridgeOf } from "./bridge.ts";
import { makeNetwork } from "./create.ts";
import { connectProcess, moveDefaultRoute, removeBridge, removeDevice } from "./devices.ts";
import { NetworkInUse } from "./errors.ts";
import { endpointsOf, findNetwork, isDefaultNetwork, isInternal, networkByID, subnet6Of } from "./find.ts";
import { forgetAnswers, forgetEarlier } from "./forget-connections.ts";
import { restoreGuards } from "./forwarding.ts";
import { lock } from "./lock.ts";
import { applyRules } from "./nft.ts";
import { noteNetworks } from "./note-networks.ts";
import { DEFAULT_NETWORK } from "./predefined.ts";
import { encodeRules } from "./rules.ts";
import {
  connectToParent,
  disconnectEnded,
  disconnectFromParent,
  removeParent,
  routerOf,
  routerOf6,
  type SharedParent,
} from "./shared-parent.ts";

/** A container that is created and not yet started, or that runs. */
export interface Connected {
  readonly container: string;
  readonly pid: number;
}

/** A place in a network that a container has been given. */
export interface Connection {
  readonly network: NetworkRecord;
  readonly address: string;
  /** Where it reaches this machine. */
  readonly gateway: string;
}

/** Connects a container that is in no network yet; if that fails, nothing of it stays. @returns its places, that by which it reaches the world first */
export function connectContainer(
  store: Store,
  connected: Connected,
  attachments: readonly NetworkAttachment[],
  ports: readonly PublishedPort[],
): Connection[] {
  using _lock = lock(store);
  const { container } = connected;
  const networks = byPriority(attachments);
  const records = networks.map(({ name }) => networkOf(store, name));
  const named = networks.flatMap(({ driverOptions }) => deviceAsked(driverOptions) ?? []);
  try {
    const places = inTransaction(store.database, () => {
      const allocated = networks.map((attachment, index) => {
        // Looked up once more: each address that is given away changes the record. As many as there are attachments.
        const network = networkByID(store, (records[index] as NetworkRecord).id);
        return { network, ...allocate(store, network, container, attachment, named) };
      });
      // As docker has it, what is on the wire itself is reached there.
      if (allocated.some(({ network }) => network.driver === "bridge"))
        allocatePorts(store, container, ports);
      return allocated;
    });
    // From an internal network nothing goes out.
    const way = places.find(({ network }) => !network.isInternal);
    store.home?.ensureUplink();
    for (const place of places) makeDevice(store, connected, place, place === way);
    putIntoForce(store);
    if (ports.length > 0) forgetEarlier(store, container);
    return places.map(connectionOf);
  } catch (error) {
    disconnect(store, container);
    throw error;
  }
}

/** Connects a container that runs to one more network; if that fails, it is as before. */
export function connectLive(store: Store, connected: Connected, attachment: NetworkAttachment): Connection {
  using _lock = lock(store);
  const { container } = connected;
  const network = networkOf(store, attachment.name);
  const way = endpointsOf(store, container).find((endpoint) => !isInternal(store, endpoint.network));
  const place = {
    network,
    ...inTransaction(store.database, () => allocate(store, network, container, attachment)),
  };
  try {
    makeDevice(store, connected, place, way === undefined && !network.isInternal);
    putIntoForce(store);
    if (way !== undefined && !network.isInternal && (attachment.priority ?? 0) > way.priority)
      leadOut(store, connected, network, place.device);
    return connectionOf(place);
  } catch (error) {
    takeDeviceAway(store, connected, network, place);
    inTransaction(store.database, () => deleteEndpoint(store.database, { container, network: network.id }));
    putIntoForce(store);
    throw error;
  }
}

/** Takes a container that runs out of a network. What went into the world by it goes by another one of its networks. */
export function disconnectLive(store: Store, { container, pid }: Connected, network: NetworkRecord): void {
  using _lock = lock(store);
  const endpoints = endpointsOf(store, container);
  const endpoint = endpoints.find((other) => other.network === network.id);
  if (endpoint === undefined) return;
  takeDeviceAway(store, { container, pid }, network, endpoint);
  inTransaction(store.database, () => deleteEndpoint(store.database, endpoint));
  const [way, next] = endpoints.filter((other) => !isInternal(store, other.network));
  if (way === endpoint && next !== undefined)
    leadOut(store, { container, pid }, networkByID(store, next.network), next.device);
  putIntoForce(store);
  if (way === endpoint && hasPorts(store, container)) forgetAnswers(store, endpoint);
}

function hasPorts({ database }: Store, container: string): boolean {
  return listPorts(database).some((port) => port.container === container);
}

/** Lets a container that runs reach the world by its device in `network`. */
function leadOut(
  { home, database }: Store,
  { container, pid }: Connected,
  network: NetworkRecord,
  device: string,
): void {
  const { subnet } = network;
  const shared = sharedParentOf(network);
  const router = shared === undefined ? addressBytes(subnet.gateway) : routerOf(shared, subnet);
  const own = listEndpoints(database, network.id).find((endpoint) => endpoint.container === container);
  const subnet6 = own?.address6 === null ? undefined : subnet6Of(network);
  moveDefaultRoute(pid, {
    ...{ device, router, home },
    ...(subnet6 && {
      router6: {
        address: shared === undefined ? addressBytes6(subnet6.gateway) : routerOf6(shared, subnet6),
      },
    }),
  });
}

/** Takes the container's connections and ports away. @returns whether it had any */
export function disconnectContainer(store: Store, container: string): boolean {
  if (endpointsOf(store, container).length === 0) return false;
  using _lock = lock(store);
  disconnect(store, container);
  return true;
}

/** The device goes with the container's namespace; on a wire that may be too late. */
function disconnect(store: Store, container: string): void {
  const endpoints = endpointsOf(store, container);
  for (const { network, device } of endpoints)
    if (networkByID(store, network).driver !== "bridge") disconnectEnded(device, markOfContainer(container));
  const isPublished = hasPorts(store, container);
  inTransaction(store.database, () => deleteConnections(store.database, container));
  putIntoForce(store);
  if (isPublished) for (const endpoint of endpoints) forgetAnswers(store, endpoint);
}

/** Forgets networks that nobody is connected to, and takes their bridges and rules away. */
export function removeNetworks(store: Store, networks: readonly NetworkRecord[]): void {
  using _lock = lock(store);
  inTransaction(store.database, () => {
    for (const network of networks) {
      if (listEndpoints(store.database, network.id).length > 0) throw new NetworkInUse(network);
      deleteNetwork(store.database, network);
    }
  });
  noteNetworks(store);
  putIntoForce(store);
  for (const network of networks) {
    const shared = sharedParentOf(network);
    if (shared === undefined) removeBridge(bridgeOf(network), store.home);
    else removeParent(shared);
  }
}

function networkOf(store: Store, name: string): NetworkRecord {
  const [known] = findNetworks(store.database, store.namespace, name);
  if (known === undefined && isDefaultNetwork(store, name))
    return makeNetwork(store, DEFAULT_NETWORK, { driver: "bridge", options: {}, isInternal: false });
  return findNetwork(store, name);
}

function makeDevice(
  { home }: Store,
  { container, pid }: Connected,
  { network, address, address6, device, position, asked }: Allocated & { readonly network: NetworkRecord },
  isDefault: boolean,
): void {
  const { hardwareAddress, driverOptions } = asked;
  const parameters = parametersFor(device, driverOptions);
  const shared = sharedParentOf(network);
  const subnet6 = subnet6Of(network);
  const own6 = address6 === null ? undefined : parseAddress6(address6);
  if (shared !== undefined) {
    const { subnet } = network;
    const ipv6 = subnet6 === undefined || own6 === undefined ? undefined : { subnet: subnet6, address: own6 };
    connectToParent(pid, shared, {
      ...{ subnet, address, ipv6, device, hardwareAddress, parameters, isDefault },
      mark: markOfContainer(container),
    });
    return;
  }
  const name = outsideName(container, position);
  connectProcess(pid, {
    ...{ bridge: bridgeOf(network), isIsolated: bridgeSettings(network.options).isIsolated },
    ...{ subnet: network.subnet, address, name, device, hardwareAddress, parameters },
    ...{ subnet6, address6: own6 },
    isDefault,
    home,
  });
}

function takeDeviceAway(
  { home }: Store,
  { container, pid }: Connected,
  network: NetworkRecord,
  { device, position }: Pick<EndpointRecord, "device" | "position">,
): void {
  if (network.driver === "bridge") removeDevice(outsideName(container, position), home);
  else disconnectFromParent(pid, device);
}

function markOfContainer(id: string): string {
  return `teu container ${id}`;
}

/** undefined: it has a bridge of its own. */
function sharedParentOf({ id, name, driver, options }: NetworkRecord): SharedParent | undefined {
  if (driver === "bridge") return undefined;
  // Checked when it was recorded.
  const mode = options[`${driver}_mode`];
  return { id, network: name, parent: options["parent"], driver, mode } as SharedParent;
}

function connectionOf({
  network,
  address,
}: {
  readonly network: NetworkRecord;
  readonly address: number;
}): Connection {
  return { network, address: encodeAddress(address), gateway: encodeAddress(network.subnet.gateway) };
}

/** Leads what asks the gateway of a network for names to `port`. */
export function putNamePort(store: Store, network: string, port: number): void {
  using _lock = lock(store);
  inTransaction(store.database, () => setNamePort(store.database, network, port));
  putIntoForce(store);
}

const RULES = "network.rules";

/** Writes the rules that the records mean, unless they are in force since this boot: who loads a firewall anew may have flushed them. */
function putIntoForce({ database, paths, home }: Store): void {
  const endpoints = listEndpoints(database);
  if (home !== undefined && endpoints.length === 0) {
    home.release();
    rmSync(join(paths.run, RULES), { force: true });
    return;
  }
  const bridged = allNetworks(database).filter(({ driver }) => driver === "bridge");
  const networks = bridged.map(({ namePort, ...network }) => {
    const { isIsolated, isMasqueraded } = bridgeSettings(network.options);
    return {
      ...{ ...network, isIsolated, isMasqueraded },
      subnet6: subnet6Of(network),
      bridge: bridgeOf(network).name,
      ...(namePort !== null && { namePort }),
    };
  });
  const open = new Set(networks.filter(({ isInternal }) => !isInternal).map(({ id }) => id));
  const ports = listPorts(database).flatMap(
    ({ container, protocol, hostAddress, hostPort, containerPort }) => {
      if (hostAddress === LOOPBACK6) return [];
      // Into an internal network nothing is led.
      const endpoint = endpoints.find((other) => other.container === container && open.has(other.network));
      if (endpoint === undefined) return [];
      const common = { protocol, hostPort, containerPort };
      const isOfAddress = hostAddress !== "" && home === undefined;
      const isEvery = hostAddress === "0.0.0.0" || hostAddress === "::";
      const own = isOfAddress && !isEvery ? { ...common, hostAddress } : common;
      const inIPv4 = isIPv6(hostAddress) ? [] : [{ ...own, address: encodeAddress(endpoint.address) }];
      // Without an address it is open at those of both kinds.
      const isInIPv6 = hostAddress === "" || isIPv6(hostAddress);
      const { address6 } = endpoint;
      if (address6 === null || !isInIPv6) return inIPv4;
      return [...inIPv4, { ...own, address: address6 }];
    },
  );
  const table = tableOf(paths.root);
  const rules = encodeRules(table, networks, ports);
  const hasIPv6 = (container: string) =>
    endpoints.some((endpoint) => endpoint.container === container && endpoint.address6 !== null);
  const published =
    home === undefined
      ? []
      : listPorts(database).flatMap(({ protocol, ...port }) =>
          // Of a plain user's containers there is none: see container/make.ts.
          protocol === "sctp" ? [] : [{ ...port, protocol, isIPv6: hasIPv6(port.container) }],
        );
  const id = networkID(home);
  const markOf = (where: string) => `${where}\n${rules}${JSON.stringify(published)}`;
  const file = join(paths.run, RULES);
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  const hadTable = before.startsWith(`${id}\n${encodeRules(table, [], [])}table `);
  const isFlushed = home === undefined && hadTable && !hasFilterTable(table);
  if (before === markOf(id) && !isFlushed) return;
  rmSync(file, { force: true }); // whoever is killed from here on leaves no claim that may be wrong
  if (isFlushed) restoreGuards();
  applyRules(rules, home);
  home?.forward(published);
  // By now the way out may be another process.
  writeFileSync(file, markOf(networkID(home)), { mode: 0o600 });
}

/** Rules are gone with a reboot, and are others in another network namespace. */
function networkID(home: Store["home"]): string {
  return `${thisOwner().bootID} ${home?.ensureUplink() ?? readlinkSync("/proc/self/ns/net")}`;
}

/** The default store's is called as the program is. */
function tableOf(root: string): string {
  if (root === "/var/lib/teu") return "teu";
  return `teu_${digestEncoded(digestOf(root)).slice(0, 8)}`;
}

/** The name on this machine of a container's device. */
function outsideName(container: string, position: number): string {
  return `${position === 0 ? "veth" : `ve${position}-`}${container.slice(0, 10)}`;
}
