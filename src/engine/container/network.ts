/** A container's networks, from the moment that it is created to its end. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { printError } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import { type HostEntry, writeNameServer, writeOwnAddresses } from "../bundle/files.ts";
import { hasNames } from "../names/known.ts";
import { tellNameServer } from "../names/tell.ts";
import { encodeAddress, gatewayOf } from "../network/address.ts";
import { connectContainer, disconnectContainer, endpointsOf } from "../network/connect.ts";
import { HOST_GATEWAY } from "../options/assignment.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { listNetworks } from "../store/networks.ts";
import { containerDirectory, type Store } from "../store/store.ts";

/** Connects a container whose first process, `pid`, waits to be started. */
export async function connect(store: Store, container: ContainerRecord, pid: number): Promise<void> {
  const { networks = [], ports = [] } = container.settings;
  if (networks.length === 0) return;
  const places = connectContainer(store, { container: container.id, pid }, networks, ports);
  if (ports.length > 0 && !places.some(({ network }) => network.driver === "bridge"))
    printError(
      `WARNING: Ports are not published: network ${places[0]?.network.name} is on the wire itself, where the container is reached at ${places[0]?.address}\n`,
    );
  await tellAddresses(store, container);
}

/** Takes a container out of its networks. */
export async function disconnect(store: Store, { id }: ContainerRecord): Promise<void> {
  if (disconnectContainer(store, id)) await tellNameServer(store);
}

/** Tells the container its addresses and whom to ask for names, and the name server of it. */
export async function tellAddresses(store: Store, { id, name, settings }: ContainerRecord): Promise<void> {
  const directory = containerDirectory(store, id);
  const networks = listNetworks(store.database, store.namespace);
  const endpoints = endpointsOf(store, id).map((endpoint) => ({
    endpoint,
    network: networks.find((network) => network.id === endpoint.network),
  }));
  const [first] = endpoints;
  const gateway = first?.network && encodeAddress(gatewayOf(first.network.subnet));
  const resolved = (host: HostEntry) =>
    host.address === HOST_GATEWAY && gateway !== undefined ? { ...host, address: gateway } : host;
  // We wrote it; a container that has not the name of its own has its container's.
  const config = JSON.parse(readFileSync(join(directory, "config.json"), "utf8")) as RuntimeConfig;
  writeOwnAddresses(
    directory,
    {
      addresses: endpoints.map(({ endpoint }) => encodeAddress(endpoint.address)),
      names: [...new Set([config.hostname ?? name, name])],
    },
    (settings.hosts ?? []).map(resolved),
  );
  const named = endpoints.find(({ network }) => network !== undefined && hasNames(network));
  const nameServer = named?.network && encodeAddress(gatewayOf(named.network.subnet));
  const { resolvers: servers = [], searchDomains = [], resolverOptions = [] } = settings;
  writeNameServer(directory, nameServer, { servers, searchDomains, options: resolverOptions });
  await tellNameServer(store);
}
