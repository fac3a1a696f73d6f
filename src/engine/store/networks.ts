/** Records of networks, of who is connected to them, and of the ports that are published. */
import type { Database } from "bun:sqlite";
import { TeuError } from "../../base/index.ts";
import { encodeSubnet, type Pool, parseSubnet, type Subnet } from "../network/address.ts";
import { type AddressPlan, poolOf } from "../network/address-plan.ts";
import { DEFAULT_NETWORK } from "../network/predefined.ts";
import type { NetworkDriver } from "../options/network-driver.ts";
import type { Protocol } from "../options/publish.ts";
import { noteEvent } from "./events.ts";

/** A network of the engine's own. */
export interface NetworkRecord {
  readonly id: string;
  readonly name: string;
  readonly subnet: Pool;
  /** IPv6, as `fd00:1::/64`; absent: it has IPv4 alone. */
  readonly subnet6?: string;
  /** As it was asked for; IPv4's is in `subnet`. */
  readonly plan: AddressPlan;
  readonly labels: Readonly<Record<string, string>>;
  readonly driver: NetworkDriver;
  /** Of the driver, checked, as they were asked for. */
  readonly options: Readonly<Record<string, string>>;
  readonly isInternal: boolean;
  /** The pre-defined network as it is where nobody has asked for another: recorded when it is first needed. */
  readonly isByItself: boolean;
  /** Given to a container last; 0: none yet. */
  readonly lastAddress: number;
  /** Where the name server listens at the gateway's address; null: nowhere yet. */
  readonly namePort: number | null;
  readonly createdAt: number;
}

/** A container's place in a network, while it runs. */
export interface EndpointRecord {
  readonly container: string;
  readonly network: string;
  /** IPv4, as a number. */
  readonly address: number;
  /** IPv6, as text; null: the network has none. */
  readonly address6: string | null;
  /** What its device is called inside. */
  readonly device: string;
  /** Which of the container's it is: the first that was free. */
  readonly position: number;
  /** The world is reached by the highest one. */
  readonly priority: number;
}

/** A port of the host that leads to a container, while that runs. */
export interface PortRecord {
  readonly container: string;
  readonly protocol: Protocol;
  /** "": every address. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** Another network has this name. Docker's words. */
export class NetworkExists extends TeuError<"network-exists", { name: string }> {
  constructor(context: { name: string }) {
    super("network-exists", "already-exists", context, `network with name ${context.name} already exists`);
  }
}

interface NetworkRow {
  id: string;
  name: string;
  subnet: string;
  subnet6: string | null;
  plan: string;
  labels: string;
  internal: number;
  by_itself: number;
  driver: NetworkDriver;
  options: string;
  last_address: number;
  name_port: number | null;
  created_at: number;
}

/** A network that is to be recorded; in files of before there were plans, it has none. */
export interface NewNetwork
  extends Omit<NetworkRecord, "subnet" | "plan" | "createdAt" | "lastAddress" | "namePort" | "isByItself"> {
  readonly subnet: Subnet;
  readonly plan?: AddressPlan;
  readonly isByItself?: boolean;
}

/** Records a network. The caller is in a transaction. @throws {NetworkExists} */
export function addNetwork(database: Database, namespace: string, network: NewNetwork): NetworkRecord {
  const { id, name, subnet, subnet6, plan = {}, labels, isInternal, driver, options } = network;
  const { isByItself = false } = network;
  if (findNetworks(database, namespace, name).some((other) => other.name === name))
    throw new NetworkExists({ name });
  const createdAt = Date.now();
  database
    .query(
      `INSERT INTO networks (id, namespace, name, subnet, internal, created_at, driver, options, subnet6, labels, plan, by_itself)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`,
    )
    .run(
      id,
      namespace,
      name,
      encodeSubnet(subnet),
      isInternal ? 1 : 0,
      createdAt,
      driver,
      JSON.stringify(options),
      subnet6 ?? null,
      JSON.stringify(labels),
      JSON.stringify(plan),
      isByItself ? 1 : 0,
    );
  if (name !== DEFAULT_NETWORK) noteNetworkEvent(database, id, "create");
  const pool = poolOf(subnet, plan);
  return { ...network, subnet: pool, plan, isByItself, lastAddress: 0, namePort: null, createdAt };
}

/** Forgets a network that nobody is connected to. */
export function deleteNetwork(database: Database, { id, name }: Pick<NetworkRecord, "id" | "name">): void {
  if (name !== DEFAULT_NETWORK) noteNetworkEvent(database, id, "destroy");
  database.query("DELETE FROM networks WHERE id = ?1").run(id);
}

/** The networks of `namespace`, by name. */
export function listNetworks(database: Database, namespace: string): NetworkRecord[] {
  return database
    .query<NetworkRow, [string]>("SELECT * FROM networks WHERE namespace = ?1 ORDER BY name")
    .all(namespace)
    .map(fromRow);
}

/** The networks of all namespaces: they share the machine. */
export function allNetworks(database: Database): NetworkRecord[] {
  return database.query<NetworkRow, []>("SELECT * FROM networks ORDER BY id").all().map(fromRow);
}

/** Networks whose name is `text`, or whose ID begins with it. */
export function findNetworks(database: Database, namespace: string, text: string): NetworkRecord[] {
  const all = listNetworks(database, namespace);
  const named = all.filter(({ id, name }) => id === text || name === text);
  return named.length > 0 || !/^[0-9a-f]+$/.test(text) ? named : all.filter(({ id }) => id.startsWith(text));
}

function fromRow({
  id,
  name,
  subnet,
  internal,
  by_itself,
  driver,
  options,
  subnet6,
  plan: planText,
  labels,
  last_address,
  name_port,
  created_at,
}: NetworkRow): NetworkRecord {
  const parsed = parseSubnet(subnet) ?? { base: 0, prefixLength: 32 }; // encodeSubnet wrote it
  const plan = JSON.parse(planText) as AddressPlan; // addNetwork wrote it
  return {
    ...{ id, name, plan, subnet: poolOf(parsed, plan), lastAddress: last_address, namePort: name_port },
    driver,
    options: JSON.parse(options),
    ...(subnet6 !== null && { subnet6 }),
    labels: JSON.parse(labels),
    isInternal: internal !== 0,
    isByItself: by_itself !== 0,
    createdAt: created_at,
  };
}

/** Connects a container. The caller is in a transaction, in which it found the address free. */
export function addEndpoint(
  database: Database,
  { container, network, address, address6, device, position, priority }: EndpointRecord,
): void {
  database
    .query(
      `INSERT INTO endpoints (container, network, address, device, address6, position, priority)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
    )
    .run(container, network, address, device, address6, position, priority);
  database.query("UPDATE networks SET last_address = ?2 WHERE id = ?1").run(network, address);
  noteNetworkEvent(database, network, "connect", { container });
}

function noteNetworkEvent(
  database: Database,
  id: string,
  action: string,
  more: Readonly<Record<string, string>> = {},
): void {
  const row = database
    .query<{ namespace: string; name: string; driver: string }, [string]>(
      "SELECT namespace, name, driver FROM networks WHERE id = ?1",
    )
    .get(id);
  if (row === null) return;
  const attributes = { name: row.name, type: row.driver, ...more };
  noteEvent(database, row.namespace, { type: "network", action, actor: id, attributes });
}

/** Every connection, of `network` or of all; of one container that by which it reaches the world comes first, if it does. */
export function listEndpoints(database: Database, network?: string): EndpointRecord[] {
  return database
    .query<EndpointRecord, [string | null]>(
      `SELECT container, network, address, address6, device, position, priority FROM endpoints
       WHERE ?1 IS NULL OR network = ?1 ORDER BY container, priority DESC, position`,
    )
    .all(network ?? null);
}

/** Whether the container is in a network of ours. */
export function hasEndpoint(database: Database, container: string): boolean {
  return database.query("SELECT 1 FROM endpoints WHERE container = ?1 LIMIT 1").get(container) !== null;
}

/** Disconnects a container from one network. */
export function deleteEndpoint(
  database: Database,
  { container, network }: Pick<EndpointRecord, "container" | "network">,
): void {
  database.query("DELETE FROM endpoints WHERE container = ?1 AND network = ?2").run(container, network);
  noteNetworkEvent(database, network, "disconnect", { container });
}

/** Notes where a network's name server listens. */
export function setNamePort(database: Database, network: string, port: number): void {
  database.query("UPDATE networks SET name_port = ?2 WHERE id = ?1").run(network, port);
}

/** Publishes a port. The caller is in a transaction, in which it found the port free. */
export function addPort(database: Database, port: PortRecord): void {
  const { container, protocol, hostAddress, hostPort, containerPort } = port;
  database
    .query(
      `INSERT INTO ports (container, protocol, host_address, host_port, container_port)
       VALUES (?1, ?2, ?3, ?4, ?5)`,
    )
    .run(container, protocol, hostAddress, hostPort, containerPort);
}

/** Every published port. */
export function listPorts(database: Database): PortRecord[] {
  return database
    .query<PortRecord, []>(
      `SELECT container, protocol, host_address AS hostAddress, host_port AS hostPort, container_port AS containerPort
       FROM ports ORDER BY container, container_port`,
    )
    .all();
}

/** Forgets a container's connections and ports. */
export function deleteConnections(database: Database, container: string): void {
  for (const endpoint of listEndpoints(database))
    if (endpoint.container === container)
      noteNetworkEvent(database, endpoint.network, "disconnect", { container });
  database.query("DELETE FROM endpoints WHERE container = ?1").run(container);
  database.query("DELETE FROM ports WHERE container = ?1").run(container);
}
