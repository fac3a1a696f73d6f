/**
 * Connects containers to networks and publishes their ports, from the records to the devices and rules that are in force. A network's
 * bridge comes with its first container and stays until the network goes: to remove a device takes the kernel longer than to start a
 * container. One lock for the machine: stores share its addresses, and what is in force must be what the last one wrote.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TeuError, thisOwner, Unsupported } from "../../base/index.ts";
import { lockFile } from "../../sys/index.ts";
import type { NetworkAttachment } from "../options/network.ts";
import type { NetworkDriver } from "../options/network-driver.ts";
import type { PublishedPort } from "../options/publish.ts";
import { listCNIAttachments } from "../store/cni.ts";
import { inTransaction } from "../store/database.ts";
import {
  addEndpoint,
  addNetwork,
  addPort,
  allNetworks,
  deleteConnections,
  deleteEndpoint,
  deleteNetwork,
  type EndpointRecord,
  findNetworks,
  listEndpoints,
  listPorts,
  type NetworkRecord,
  type PortRecord,
  setNamePort,
} from "../store/networks.ts";
import type { Store } from "../store/store.ts";
import {
  addressBytes,
  encodeAddress,
  encodeSubnet,
  freeAddress,
  freeSubnet,
  gatewayOf,
  isIn,
  overlaps,
  parseAddress,
  type Subnet,
} from "./address.ts";
import {
  encodeAddress6,
  encodeSubnet6,
  freeAddress6,
  isIn6,
  overlaps6,
  ownSubnet6,
  parseAddress6,
  parseSubnet6,
  type Subnet6,
} from "./address6.ts";
import {
  connectProcess,
  moveDefaultRoute,
  ownAddresses,
  removeDevice,
  usedSubnets,
  usedSubnets6,
} from "./devices.ts";
import { applyRules } from "./nft.ts";
import { noteNetworks } from "./note-networks.ts";
import { freePort, isPortFree } from "./port.ts";
import { encodeRules } from "./rules.ts";
import {
  connectToParent,
  disconnectFromParent,
  removeParent,
  routerOf,
  type SharedParent,
} from "./shared-parent.ts";

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

/** An address that the container cannot have. */
export class AddressRefused extends TeuError<
  "address-refused",
  { address: string; network: string; why: string }
> {
  constructor(context: { address: string; network: string; why: string }) {
    const { address, network, why } = context;
    super(
      "address-refused",
      "invalid",
      context,
      `Cannot give address ${address} of network ${network}: ${why}`,
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

/** Another network is on that device. Docker's words. */
export class ParentInUse extends TeuError<"parent-in-use", { network: string; parent: string }> {
  constructor(context: { network: string; parent: string }) {
    super(
      "parent-in-use",
      "already-exists",
      context,
      `network ${context.network} is already using parent interface ${context.parent}`,
    );
  }
}

/** The kernel of this machine has no IPv6. */
export class NoIPv6 extends TeuError<"no-ipv6"> {
  constructor() {
    super(
      "no-ipv6",
      "failed-precondition",
      {},
      "Cannot make a network with IPv6: it is turned off on this machine",
      { hint: "Take ipv6.disable=1 off the kernel's command line" },
    );
  }
}

/** A port of an address that cannot lead to the container. */
export class PortNeedsIPv6 extends TeuError<"port-needs-ipv6", { address: string; port: number }> {
  constructor(context: { address: string; port: number }) {
    super(
      "port-needs-ipv6",
      "invalid",
      context,
      `Cannot publish a port on [${context.address}]: no network of the container has IPv6 and a way out`,
      { hint: "Connect it to one that 'teu network create --ipv6' made" },
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
      `Bind for ${context.address.includes(":") ? `[${context.address}]` : context.address}:${context.port} failed: port is already allocated`,
    );
  }
}

/** What the driver `bridge` is told. */
const BRIDGE = { driver: "bridge", options: {} } as const;

/** What a new network is to be. */
export interface NetworkWishes {
  /** Absent: one that nobody uses. */
  readonly subnet?: Subnet;
  /** Absent: IPv4 alone; "own": one that nobody uses. */
  readonly subnet6?: Subnet6 | "own";
  readonly labels?: Readonly<Record<string, string>>;
  readonly isInternal: boolean;
  readonly driver: NetworkDriver;
  readonly options: Readonly<Record<string, string>>;
}

const LOCK = "/run/teu.network.lock";

function lock({ home }: Store): Disposable {
  return lockFile(home?.lock ?? LOCK);
}

/** The network that `text` names. @throws {NoSuchNetwork} */
export function findNetwork(store: Store, text: string): NetworkRecord {
  const [network, ...others] = findNetworks(store.database, store.namespace, text);
  if (network === undefined || others.length > 0) throw new NoSuchNetwork({ text });
  return network;
}

/** Records a network; its devices come with its first container. @throws {NetworkExists} {SubnetInUse} {NoAddressLeft} */
export function createNetwork(store: Store, name: string, wishes: NetworkWishes): NetworkRecord {
  using _lock = lock(store);
  return makeNetwork(store, name, wishes);
}

function makeNetwork(
  store: Store,
  name: string,
  { subnet: asked, subnet6: asked6, labels = {}, isInternal, driver, options }: NetworkWishes,
): NetworkRecord {
  const { database, namespace, home } = store;
  if (home !== undefined && driver !== "bridge")
    throw new Unsupported({ what: `network driver ${driver}`, why: "this machine's devices are root's" });
  const others = allNetworks(database);
  // One that is on a wire of this machine's has the addresses of that wire.
  const isOnWire = options["parent"] !== undefined && asked !== undefined;
  const used = [...(isOnWire ? [] : usedSubnets(home)), ...others.map(({ subnet }) => subnet)];
  const rival = others.find(
    (other) => options["parent"] !== undefined && other.options["parent"] === options["parent"],
  );
  if (rival !== undefined) throw new ParentInUse({ network: rival.name, parent: options["parent"] ?? "" });
  const subnet = asked ?? freeSubnet(used);
  if (subnet === undefined) throw new NoAddressLeft({ network: name });
  if (asked !== undefined && used.some((other) => overlaps(asked, other)))
    throw new SubnetInUse({ subnet: encodeSubnet(asked) });
  const id = randomBytes(32).toString("hex");
  const subnet6 = asked6 && checkedSubnet6(asked6 === "own" ? ownSubnet6(id) : asked6, others, store);
  const network = inTransaction(database, () =>
    addNetwork(database, namespace, {
      ...{ id, name, subnet, driver, options, labels },
      ...(subnet6 && { subnet6: encodeSubnet6(subnet6) }),
      // Without a parent there is nowhere to go.
      isInternal: isInternal || (driver !== "bridge" && options["parent"] === undefined),
    }),
  );
  noteNetworks(store);
  return network;
}

/** @throws {NoIPv6} {SubnetInUse} {Unsupported} */
function checkedSubnet6(subnet: Subnet6, others: readonly NetworkRecord[], { home }: Store): Subnet6 {
  if (home !== undefined)
    throw new Unsupported({ what: "--ipv6", why: "the way out of a plain user's networks is IPv4's" });
  if (!existsSync("/proc/sys/net/ipv6")) throw new NoIPv6();
  const used = [...usedSubnets6(), ...others.flatMap((other) => subnet6Of(other) ?? [])];
  if (used.some((other) => overlaps6(subnet, other)))
    throw new SubnetInUse({ subnet: encodeSubnet6(subnet) });
  return subnet;
}

function subnet6Of({ subnet6 }: Pick<NetworkRecord, "subnet6">): Subnet6 | undefined {
  return subnet6 === undefined ? undefined : parseSubnet6(subnet6);
}

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

/** Connects a container that is in no network yet; if that fails, nothing of it stays. @returns its places, in the order of `networks` */
export function connectContainer(
  store: Store,
  connected: Connected,
  networks: readonly NetworkAttachment[],
  ports: readonly PublishedPort[],
): Connection[] {
  using _lock = lock(store);
  const { container } = connected;
  const records = networks.map(({ name }) => networkOf(store, name));
  try {
    const places = inTransaction(store.database, () => {
      const allocated = networks.map((attachment, index) => {
        // Looked up once more: each address that is given away changes the record. As many as there are attachments.
        const network = networkByID(store, (records[index] as NetworkRecord).id);
        return { network, ...allocate(store, network, container, attachment) };
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
  const hasWayOut = endpointsOf(store, container).some((endpoint) => !isInternal(store, endpoint.network));
  const place = {
    network,
    ...inTransaction(store.database, () => allocate(store, network, container, attachment)),
  };
  try {
    makeDevice(store, connected, place, !hasWayOut && !network.isInternal);
    putIntoForce(store);
    return connectionOf(place);
  } catch (error) {
    takeDeviceAway(store, connected, network, place.device);
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
  takeDeviceAway(store, { container, pid }, network, endpoint.device);
  inTransaction(store.database, () => deleteEndpoint(store.database, endpoint));
  const [way, next] = endpoints.filter((other) => !isInternal(store, other.network));
  if (way === endpoint && next !== undefined) {
    const network = networkByID(store, next.network);
    const { subnet } = network;
    const shared = sharedParentOf(network);
    const router = shared === undefined ? addressBytes(gatewayOf(subnet)) : routerOf(shared, subnet);
    moveDefaultRoute(pid, { device: next.device, router, subnet6: subnet6Of(network), home: store.home });
  }
  putIntoForce(store);
}

/** What a container is connected to, by its devices. */
export function endpointsOf({ database }: Store, container: string): EndpointRecord[] {
  return listEndpoints(database).filter((endpoint) => endpoint.container === container);
}

function networkByID({ database }: Store, id: string): NetworkRecord {
  const network = allNetworks(database).find((other) => other.id === id);
  if (network === undefined) throw new NoSuchNetwork({ text: id });
  return network;
}

function isInternal(store: Store, id: string): boolean {
  return networkByID(store, id).isInternal;
}

/** Takes the container's connections and ports away. @returns whether it had any */
export function disconnectContainer(store: Store, container: string): boolean {
  if (endpointsOf(store, container).length === 0) return false;
  using _lock = lock(store);
  disconnect(store, container);
  return true;
}

/** The device goes with the container's namespace. */
function disconnect(store: Store, container: string): void {
  inTransaction(store.database, () => deleteConnections(store.database, container));
  putIntoForce(store);
}

/** Forgets networks that nobody is connected to, and takes their bridges and rules away. */
export function removeNetworks(store: Store, networks: readonly NetworkRecord[]): void {
  using _lock = lock(store);
  inTransaction(store.database, () => {
    for (const { id, name } of networks) {
      if (listEndpoints(store.database, id).length > 0) throw new NetworkInUse({ name });
      deleteNetwork(store.database, id);
    }
  });
  noteNetworks(store);
  putIntoForce(store);
  for (const network of networks) {
    const shared = sharedParentOf(network);
    if (shared === undefined) removeDevice(bridgeOf(network), store.home);
    else removeParent(shared);
  }
}

function networkOf(store: Store, name: string): NetworkRecord {
  const [known] = findNetworks(store.database, store.namespace, name);
  if (known === undefined && name === DEFAULT_NETWORK)
    return makeNetwork(store, name, { ...BRIDGE, isInternal: false });
  return findNetwork(store, name);
}

interface Allocated {
  readonly address: number;
  readonly address6: string | null;
  readonly device: string;
  readonly hardwareAddress: string | undefined;
}

/** An address that nobody has, or the one that is asked for. In a transaction. @throws {NoAddressLeft} {AddressRefused} */
function allocate(
  store: Store,
  network: NetworkRecord,
  container: string,
  { address: asked, address6: asked6, hardwareAddress }: NetworkAttachment,
): Allocated {
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
  const device = freeDevice(store, container);
  const address6 = allocate6(network, asked6, address, others);
  addEndpoint(database, { container, network: network.id, address, address6, device });
  return { address, address6, device, hardwareAddress };
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
  if (used.has(wanted)) throw refused("Address already in use");
  return encodeAddress6(wanted);
}

/** The first of `eth0`, `eth1` … that a container has not, neither in a network of ours nor in one of plugins. */
export function freeDevice(store: Store, container: string): string {
  const places = [...endpointsOf(store, container), ...listCNIAttachments(store.database, container)];
  const devices = new Set(places.map(({ device }) => device));
  let index = 0;
  while (devices.has(`eth${index}`)) index++;
  return `eth${index}`;
}

/** @throws {AddressRefused} */
function checkedAddress({ name, subnet }: NetworkRecord, text: string, used: ReadonlySet<number>): number {
  const address = parseAddress(text);
  const refused = (why: string) => new AddressRefused({ address: text, network: name, why });
  if (name === DEFAULT_NETWORK)
    throw refused("user specified IP address is supported on user defined networks only");
  if (address === undefined || !isIn(subnet, address))
    throw refused(`it is no address of a container in ${encodeSubnet(subnet)}`);
  if (used.has(address)) throw refused("Address already in use");
  return address;
}

/** Publishes ports of a container that somebody else leads there. @throws {PortInUse} */
export function reservePorts(store: Store, container: string, ports: readonly PublishedPort[]): void {
  using _lock = lock(store);
  inTransaction(store.database, () => allocatePorts(store, container, ports));
}

/** Ports of the host that nobody has. In a transaction. @throws {PortInUse} */
function allocatePorts(store: Store, container: string, ports: readonly PublishedPort[]): void {
  const { database, home } = store;
  const hasIPv6 = endpointsOf(store, container).some(
    ({ address6, network }) => address6 !== null && !isInternal(store, network),
  );
  for (const { protocol, hostAddress = "", hostPort, containerPort } of ports) {
    const taken = listPorts(database).map((port) => asTaken(port, home));
    const wanted = { container, protocol, hostAddress, containerPort };
    const port =
      hostPort ??
      freePort(
        protocol,
        hostAddress,
        (number) => !collides(taken, asTaken({ ...wanted, hostPort: number }, home)),
      );
    if (
      collides(taken, asTaken({ ...wanted, hostPort: port }, home)) ||
      !isPortFree(protocol, hostAddress, port)
    )
      throw new PortInUse({ address: hostAddress || "0.0.0.0", port });
    if (isIPv6(hostAddress) && !hasIPv6) throw new PortNeedsIPv6({ address: hostAddress, port });
    addPort(database, { ...wanted, hostPort: port });
  }
}

function makeDevice(
  { home }: Store,
  { container, pid }: Connected,
  { network, address, address6, device, hardwareAddress }: Allocated & { readonly network: NetworkRecord },
  isDefault: boolean,
): void {
  const shared = sharedParentOf(network);
  if (shared !== undefined) {
    const { subnet } = network;
    connectToParent(pid, shared, { subnet, address, device, hardwareAddress, isDefault });
    return;
  }
  const name = outsideName(container, device);
  connectProcess(pid, {
    ...{ bridge: bridgeOf(network), subnet: network.subnet, address, name, device, hardwareAddress },
    subnet6: subnet6Of(network),
    address6: address6 === null ? undefined : parseAddress6(address6),
    isDefault,
    home,
  });
}

function takeDeviceAway(
  { home }: Store,
  { container, pid }: Connected,
  network: NetworkRecord,
  device: string,
): void {
  if (network.driver === "bridge") removeDevice(outsideName(container, device), home);
  else disconnectFromParent(pid, device);
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
  return { network, address: encodeAddress(address), gateway: encodeAddress(gatewayOf(network.subnet)) };
}

/** In a home a port leads to one container, whatever the address of the machine that it is asked at. */
function asTaken(port: PortRecord, home: Store["home"]): PortRecord {
  return home === undefined ? port : { ...port, hostAddress: "" };
}

function collides(taken: readonly PortRecord[], wanted: PortRecord): boolean {
  return taken.some(
    ({ protocol, hostAddress, hostPort }) =>
      protocol === wanted.protocol &&
      hostPort === wanted.hostPort &&
      shareAddress(hostAddress, wanted.hostAddress),
  );
}

/** Whether there is an address that both mean: "" is every one, `0.0.0.0` and `::` every one of their kind. */
function shareAddress(a: string, b: string): boolean {
  if (a === "" || b === "" || a === b) return true;
  const every = isIPv6(a) ? "::" : "0.0.0.0";
  return isIPv6(a) === isIPv6(b) && (a === every || b === every);
}

function isIPv6(address: string): boolean {
  return address.includes(":");
}

/** Leads what asks the gateway of a network for names to `port`. */
export function putNamePort(store: Store, network: string, port: number): void {
  using _lock = lock(store);
  inTransaction(store.database, () => setNamePort(store.database, network, port));
  putIntoForce(store);
}

const RULES = "network.rules";

/** Writes the rules that the records mean, unless they are in force since this boot. */
function putIntoForce({ database, paths, home }: Store): void {
  const endpoints = listEndpoints(database);
  if (home !== undefined && endpoints.length === 0) {
    home.release();
    rmSync(join(paths.run, RULES), { force: true });
    return;
  }
  const bridged = allNetworks(database).filter(({ driver }) => driver === "bridge");
  const networks = bridged.map(({ namePort, ...network }) => ({
    ...network,
    subnet6: subnet6Of(network),
    bridge: bridgeOf(network),
    ...(namePort !== null && { namePort }),
  }));
  const open = new Set(networks.filter(({ isInternal }) => !isInternal).map(({ id }) => id));
  const ports = listPorts(database).flatMap(
    ({ container, protocol, hostAddress, hostPort, containerPort }) => {
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
      if (address6 === null || !isInIPv6 || home !== undefined) return inIPv4;
      return [...inIPv4, { ...own, address: address6 }];
    },
  );
  const rules = encodeRules(tableOf(paths.root), networks, ports);
  const published = home === undefined ? [] : listPorts(database);
  const mark = `${networkID(home)}\n${rules}${JSON.stringify(published)}`;
  const file = join(paths.run, RULES);
  if (existsSync(file) && readFileSync(file, "utf8") === mark) return;
  rmSync(file, { force: true }); // whoever is killed from here on leaves no claim that may be wrong
  applyRules(rules, home);
  home?.forward(published);
  writeFileSync(file, mark, { mode: 0o600 });
}

/** Rules are gone with a reboot, and are others in another network namespace. */
function networkID(home: Store["home"]): string {
  return `${thisOwner().bootID} ${home?.ensureUplink() ?? readlinkSync("/proc/self/ns/net")}`;
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

/** The name on this machine of a container's device. */
function outsideName(container: string, device: string): string {
  const number = device.slice("eth".length);
  return `${number === "0" ? "veth" : `ve${number}-`}${container.slice(0, 10)}`;
}
