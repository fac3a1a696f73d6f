/**
 * Connects containers to networks and publishes their ports, from the records to the devices and rules that are in force. A network's
 * bridge comes with its first container and stays until the network goes: to remove a device takes the kernel longer than to start a
 * container. One lock for the machine: stores share its addresses, and what is in force must be what the last one wrote.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TeuError, thisOwner } from "../../base/index.ts";
import { lockFile } from "../../sys/index.ts";
import type { PublishedPort } from "../options/publish.ts";
import { inTransaction } from "../store/database.ts";
import {
  addEndpoint,
  addNetwork,
  addPort,
  allNetworks,
  deleteConnections,
  deleteNetwork,
  findNetworks,
  listEndpoints,
  listPorts,
  type NetworkRecord,
  type PortRecord,
} from "../store/networks.ts";
import type { Store } from "../store/store.ts";
import {
  encodeAddress,
  encodeSubnet,
  freeAddress,
  freeSubnet,
  gatewayOf,
  overlaps,
  type Subnet,
} from "./address.ts";
import { connectProcess, removeDevice, usedSubnets } from "./devices.ts";
import { applyRules } from "./nft.ts";
import { freePort, isPortFree } from "./port.ts";
import { encodeRules } from "./rules.ts";

/** The network that a container is in when nothing else is said; made when it is first needed. */
export const DEFAULT_NETWORK = "bridge";

/** No network goes by this text. Docker's words. */
export class NoSuchNetwork extends TeuError<"no-such-network", { text: string }> {
  constructor(context: { text: string }) {
    super("no-such-network", "not-found", context, `network ${context.text} not found`);
  }
}

/** There is no subnet, or no address in it, left. */
export class NoAddressLeft extends TeuError<"no-address-left", { network: string }> {
  constructor(context: { network: string }) {
    super(
      "no-address-left",
      "exhausted",
      context,
      `Cannot give network ${JSON.stringify(context.network)} an address: none is left`,
    );
  }
}

/** A subnet that somebody uses: a network of ours, or a device of this machine. */
export class SubnetInUse extends TeuError<"subnet-in-use", { subnet: string }> {
  constructor(context: { subnet: string }) {
    super(
      "subnet-in-use",
      "already-exists",
      context,
      `Cannot use subnet ${context.subnet}: it overlaps with another one on this machine`,
    );
  }
}

/** Containers are connected to it. Docker's words. */
export class NetworkInUse extends TeuError<"network-in-use", { name: string }> {
  constructor(context: { name: string }, why = "has active endpoints") {
    super(
      "network-in-use",
      "failed-precondition",
      context,
      `error while removing network: network ${context.name} ${why}`,
    );
  }
}

/** A port of the host that is taken. Docker's words. */
export class PortInUse extends TeuError<"port-in-use", { address: string; port: number }> {
  constructor(context: { address: string; port: number }) {
    super(
      "port-in-use",
      "already-exists",
      context,
      `Bind for ${context.address}:${context.port} failed: port is already allocated`,
    );
  }
}

const LOCK = "/run/teu.network.lock";

/** The network that `text` names. @throws {NoSuchNetwork} */
export function findNetwork(store: Store, text: string): NetworkRecord {
  const [network, ...others] = findNetworks(store.database, store.namespace, text);
  if (network === undefined || others.length > 0) throw new NoSuchNetwork({ text });
  return network;
}

/** Records a network; its devices come with its first container. @throws {NetworkExists} {SubnetInUse} {NoAddressLeft} */
export function createNetwork(
  store: Store,
  name: string,
  options: { readonly subnet?: Subnet; readonly isInternal: boolean },
): NetworkRecord {
  using _lock = lockFile(LOCK);
  return makeNetwork(store, name, options);
}

function makeNetwork(
  { database, namespace }: Store,
  name: string,
  { subnet: asked, isInternal }: { readonly subnet?: Subnet; readonly isInternal: boolean },
): NetworkRecord {
  const used = [...usedSubnets(), ...allNetworks(database).map(({ subnet }) => subnet)];
  const subnet = asked ?? freeSubnet(used);
  if (subnet === undefined) throw new NoAddressLeft({ network: name });
  if (asked !== undefined && used.some((other) => overlaps(asked, other)))
    throw new SubnetInUse({ subnet: encodeSubnet(asked) });
  const id = randomBytes(32).toString("hex");
  return inTransaction(database, () => addNetwork(database, namespace, { id, name, subnet, isInternal }));
}

/** A container that is created and not yet started. */
export interface Connected {
  readonly container: string;
  readonly pid: number;
  readonly network: string;
  readonly ports: readonly PublishedPort[];
}

/** Connects the container; if that fails, nothing of it stays. @returns its address, and the one at which it reaches this machine */
export function connectContainer(
  store: Store,
  connected: Connected,
): { readonly address: string; readonly gateway: string } {
  using _lock = lockFile(LOCK);
  const { container, pid } = connected;
  const network = networkOf(store, connected.network);
  const address = inTransaction(store.database, () => allocate(store, network, connected));
  try {
    connectProcess(pid, deviceOf(container), { bridge: bridgeOf(network), subnet: network.subnet, address });
    putIntoForce(store);
  } catch (error) {
    disconnect(store, container);
    throw error;
  }
  return { address: encodeAddress(address), gateway: encodeAddress(gatewayOf(network.subnet)) };
}

/** Takes the container's connections and ports away. One that has none is no error. */
export function disconnectContainer(store: Store, container: string): void {
  if (!listEndpoints(store.database).some((endpoint) => endpoint.container === container)) return;
  using _lock = lockFile(LOCK);
  disconnect(store, container);
}

/** The device goes with the container's namespace. */
function disconnect(store: Store, container: string): void {
  inTransaction(store.database, () => deleteConnections(store.database, container));
  putIntoForce(store);
}

/** Forgets networks that nobody is connected to, and takes their bridges and rules away. */
export function removeNetworks(store: Store, networks: readonly NetworkRecord[]): void {
  using _lock = lockFile(LOCK);
  inTransaction(store.database, () => {
    for (const { id, name } of networks) {
      if (listEndpoints(store.database, id).length > 0) throw new NetworkInUse({ name });
      deleteNetwork(store.database, id);
    }
  });
  putIntoForce(store);
  for (const network of networks) removeDevice(bridgeOf(network));
}

function networkOf(store: Store, name: string): NetworkRecord {
  const [known] = findNetworks(store.database, store.namespace, name);
  if (known === undefined && name === DEFAULT_NETWORK) return makeNetwork(store, name, { isInternal: false });
  return findNetwork(store, name);
}

/** An address and ports that nobody has. In a transaction. */
function allocate({ database }: Store, network: NetworkRecord, { container, ports }: Connected): number {
  const endpoints = listEndpoints(database, network.id);
  const used = new Set(endpoints.map((endpoint) => endpoint.address));
  const address = freeAddress(network.subnet, used, network.lastAddress);
  if (address === undefined) throw new NoAddressLeft({ network: network.name });
  addEndpoint(database, { container, network: network.id, address });
  for (const { protocol, hostAddress = "", hostPort, containerPort } of ports) {
    const taken = listPorts(database);
    const wanted = { container, protocol, hostAddress, containerPort };
    const port =
      hostPort ??
      freePort(protocol, hostAddress, (number) => !collides(taken, { ...wanted, hostPort: number }));
    if (collides(taken, { ...wanted, hostPort: port }) || !isPortFree(protocol, hostAddress, port))
      throw new PortInUse({ address: hostAddress || "0.0.0.0", port });
    addPort(database, { ...wanted, hostPort: port });
  }
  return address;
}

function collides(taken: readonly PortRecord[], wanted: PortRecord): boolean {
  return taken.some(
    ({ protocol, hostAddress, hostPort }) =>
      protocol === wanted.protocol &&
      hostPort === wanted.hostPort &&
      (hostAddress === "" || wanted.hostAddress === "" || hostAddress === wanted.hostAddress),
  );
}

/** Writes the rules that the records mean, unless they are in force since this boot. */
function putIntoForce({ database, paths }: Store): void {
  const endpoints = listEndpoints(database);
  const networks = allNetworks(database).map((network) => ({ ...network, bridge: bridgeOf(network) }));
  const ports = listPorts(database).flatMap(
    ({ container, protocol, hostAddress, hostPort, containerPort }) => {
      const endpoint = endpoints.find((other) => other.container === container);
      if (endpoint === undefined) return [];
      const address = encodeAddress(endpoint.address);
      return [{ protocol, hostPort, address, containerPort, ...(hostAddress !== "" && { hostAddress }) }];
    },
  );
  const rules = encodeRules(tableOf(paths.root), networks, ports);
  const mark = `${networkID()}\n${rules}`;
  const file = join(paths.run, "network.rules");
  if (existsSync(file) && readFileSync(file, "utf8") === mark) return;
  rmSync(file, { force: true }); // whoever is killed from here on leaves no claim that may be wrong
  applyRules(rules);
  writeFileSync(file, mark, { mode: 0o600 });
}

/** Rules are gone with a reboot, and are others in another network namespace. */
function networkID(): string {
  return `${thisOwner().bootID} ${readlinkSync("/proc/self/ns/net")}`;
}

/** The default store's is called as the program is. */
function tableOf(root: string): string {
  if (root === "/var/lib/teu") return "teu";
  return `teu_${createHash("sha256").update(root).digest("hex").slice(0, 8)}`;
}

/** The bridge of a network. A device's name has 15 bytes at most. */
export function bridgeOf({ id }: Pick<NetworkRecord, "id">): string {
  return `teu-${id.slice(0, 10)}`;
}

function deviceOf(container: string): string {
  return `veth${container.slice(0, 10)}`;
}
