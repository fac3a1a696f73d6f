/** A container's networks, from the moment that it is created to its end. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { printError } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import { type HostEntry, writeNameServer, writeOwnAddresses } from "../bundle/files.ts";
import { nameServerOf } from "../names/needed.ts";
import { tellNameServer } from "../names/tell.ts";
import { encodeAddress } from "../network/address.ts";
import { readResult } from "../network/cni/result.ts";
import { connectContainer, disconnectContainer } from "../network/connect.ts";
import { endpointsOf } from "../network/find.ts";
import { HOST_GATEWAY } from "../options/assignment.ts";
import { CNI_PREFIX } from "../options/network.ts";
import { listCNIAttachments } from "../store/cni.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { listNetworks } from "../store/networks.ts";
import { containerDirectory, type Store } from "../store/store.ts";

/** Connects a container whose first process, `pid`, waits to be started. */
export async function connect(store: Store, container: ContainerRecord, pid: number): Promise<void> {
  const { networks = [], ports = [] } = container.settings;
  if (networks.length === 0) return;
  const ofPlugins = networks.filter(({ name }) => name.startsWith(CNI_PREFIX));
  const ours = networks.filter((network) => !ofPlugins.includes(network));
  const connected = { container: container.id, pid };
  const places = ours.length === 0 ? [] : connectContainer(store, connected, ours, ports);
  if (ofPlugins.length > 0) {
    const { connectCNI } = await import("../network/cni/attach.ts");
    const told = await toldToPlugins(store, container);
    await connectCNI(store, { ...connected, told }, ofPlugins, ours.length === 0 ? ports : []);
  }
  if (ports.length > 0 && places.length > 0 && !places.some(({ network }) => network.driver === "bridge"))
    printError(
      `WARNING: Ports are not published: network ${places[0]?.network.name} is on the wire itself, where the container is reached at ${places[0]?.address}\n`,
    );
  await tellAddresses(store, container);
}

/** What plugins of CNI networks are told of it. */
export async function toldToPlugins(
  store: Store,
  { id, settings }: ContainerRecord,
): Promise<Readonly<Record<string, unknown>>> {
  const { toldOf } = await import("../network/cni/told.ts");
  return toldOf(settings, configOf(store, id).annotations ?? {});
}

/** We wrote it. */
function configOf(store: Store, id: string): RuntimeConfig {
  return JSON.parse(
    readFileSync(join(containerDirectory(store, id), "config.json"), "utf8"),
  ) as RuntimeConfig;
}

/** Takes a container out of its networks. */
export async function disconnect(store: Store, { id, settings }: ContainerRecord): Promise<void> {
  const isOfPlugins = settings.networks?.some(({ name }) => name.startsWith(CNI_PREFIX));
  if (isOfPlugins || listCNIAttachments(store.database, id).length > 0) {
    const { disconnectCNI } = await import("../network/cni/attach.ts");
    await disconnectCNI(store, id);
  }
  if (disconnectContainer(store, id)) await tellNameServer(store);
}

/** Tells the container its addresses and whom to ask for names, and of it the name server and those that are linked to it. */
export async function tellAddresses(store: Store, container: ContainerRecord): Promise<void> {
  await writeAddresses(store, container);
  await tellNameServer(store);
  // Nobody is linked to one that has never run.
  if (container.startedAt === null) return;
  const { linkedTo } = await import("./links.ts");
  for (const other of linkedTo(store, container)) await writeAddresses(store, other);
}

/** With its domain, and without; a domain may be part of the host's name too. Its container's name is one of them. */
function ownNames({ hostname, domainname }: RuntimeConfig, name: string): string[] {
  const whole = [hostname ?? name, ...(domainname ? [domainname] : [])].join(".");
  const [own = ""] = whole.split(".");
  return [...new Set([whole, own, name])];
}

/** Writes what a container is told in its /etc/hosts and resolv.conf. */
async function writeAddresses(store: Store, container: ContainerRecord): Promise<void> {
  const { id, name, settings } = container;
  const directory = containerDirectory(store, id);
  const networks = listNetworks(store.database, store.namespace);
  const endpoints = endpointsOf(store, id).map((endpoint) => ({
    endpoint,
    network: networks.find((network) => network.id === endpoint.network),
  }));
  const [first] = endpoints;
  const ofPlugins = listCNIAttachments(store.database, id).map(readResult);
  const gateway = first?.network
    ? encodeAddress(first.network.subnet.gateway)
    : ofPlugins.map((place) => place.gateway).find((text) => text !== "");
  const resolved = (host: HostEntry) =>
    host.address === HOST_GATEWAY && gateway !== undefined ? { ...host, address: gateway } : host;
  // A container that has not the name of its own has its container's.
  const config = configOf(store, id);
  writeOwnAddresses(
    directory,
    {
      addresses: [
        ...endpoints.flatMap(({ endpoint: { address, address6 } }) => [
          encodeAddress(address),
          ...(address6 === null ? [] : [address6]),
        ]),
        ...ofPlugins.flatMap(({ addresses }) => addresses.map(withoutPrefix)),
      ],
      names: ownNames(config, name),
    },
    [...(settings.hosts ?? []).map(resolved), ...(await linkedHostsOf(store, container))],
  );
  const asked = nameServerOf(endpoints.flatMap(({ network }) => network ?? []));
  const nameServer = typeof asked === "object" ? encodeAddress(asked.subnet.gateway) : asked;
  const { resolvers = [], searchDomains = [], resolverOptions = [] } = settings;
  // What a plugin says stands in for what nobody has said.
  const said = <T>(own: readonly T[], told: (place: (typeof ofPlugins)[number]) => readonly T[]) =>
    own.length > 0 ? own : [...new Set(ofPlugins.flatMap(told))];
  writeNameServer(directory, nameServer, {
    servers: said(resolvers, (place) => place.servers),
    searchDomains: said(searchDomains, (place) => place.searchDomains),
    options: said(resolverOptions, (place) => place.options),
  });
}

async function linkedHostsOf(store: Store, container: ContainerRecord): Promise<HostEntry[]> {
  if (!container.settings.networks?.some(({ links }) => links !== undefined)) return [];
  return (await import("./links.ts")).linkedHosts(store, container);
}

/** Of `10.0.0.2/24` the address. */
function withoutPrefix(text: string): string {
  return text.replace(/\/\d+$/, "");
}
