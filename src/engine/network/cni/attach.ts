/**
 * Connects containers to CNI networks. The record comes before the first plugin and goes after the last, so that whoever finds it after a
 * crash can call them to disconnect. The namespace is held by a mount until then: plugins take rules away by what they find in it.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, Unsupported } from "../../../base/index.ts";
import { bindTree, unmount } from "../../mount/calls.ts";
import { CNI_PREFIX, type NetworkAttachment } from "../../options/network.ts";
import type { PublishedPort } from "../../options/publish.ts";
import {
  addCNIAttachment,
  type CNIAttachment,
  deleteCNIAttachment,
  listCNIAttachments,
  setCNIResult,
} from "../../store/cni.ts";
import { inTransaction } from "../../store/database.ts";
import { deleteConnections, listPorts } from "../../store/networks.ts";
import type { Store } from "../../store/store.ts";
import { freeDevice } from "../allocate.ts";
import { reservePorts } from "../allocate-ports.ts";
import { endpointsOf } from "../find.ts";
import { forgetAttachment, noteAttachment, shareNetworks } from "./attachments.ts";
import { addChain, type ChainRequest, deleteChain, negotiateVersion, type RuntimeConfig } from "./chain.ts";
import { findList, placesOf } from "./configuration.ts";

/** A container whose process is there, and what plugins are told of it. */
export interface ToldConnected {
  readonly container: string;
  readonly pid: number;
  readonly told: RuntimeConfig;
}

/** Connects a container whose process `pid` waits. @param ports  To be led to it by the plugins; empty where a network of ours does. @throws {CNIPluginFailed} */
export async function connectCNI(
  store: Store,
  { container, pid, told }: ToldConnected,
  attachments: readonly NetworkAttachment[],
  ports: readonly PublishedPort[],
): Promise<void> {
  refuseForPlainUsers(store);
  try {
    const namespace = holdNamespace(store, container, pid);
    if (ports.length > 0) reservePorts(store, container, ports);
    for (const attachment of attachments) {
      const device = freeDevice(store, container);
      await connectOne(store, { container, namespace, device, told }, attachment, ports.length > 0);
    }
  } catch (error) {
    await disconnectCNI(store, container);
    throw error;
  }
}

async function connectOne(
  store: Store,
  {
    container,
    namespace,
    device,
    told,
  }: Omit<ToldConnected, "pid"> & { readonly namespace: string; readonly device: string },
  attachment: NetworkAttachment,
  hasPorts: boolean,
): Promise<void> {
  const { database } = store;
  const { configurations, plugins } = attachment.cni ?? placesOf(process.env);
  const list = findList(configurations, attachment.name.slice(CNI_PREFIX.length));
  const { address, hardwareAddress, aliases } = attachment;
  const args = [
    "IgnoreUnknown=1",
    ...(address === undefined ? [] : [`IP=${address}`]),
    ...(hardwareAddress === undefined ? [] : [`MAC=${hardwareAddress}`]),
  ];
  const call = { network: list.name, path: plugins, container, namespace, device, args: args.join(";") };
  const offers = (name: string) => list.plugins.some(({ capabilities }) => capabilities?.[name] === true);
  if (hasPorts && !offers("portMappings"))
    throw new Unsupported({
      what: `published ports in CNI network ${list.name}`,
      why: "none of its plugins has the capability portMappings",
    });
  const portMappings = listPorts(database)
    .filter((port) => port.container === container)
    .map(({ hostPort, containerPort, protocol, hostAddress }) => ({
      ...{ hostPort, containerPort, protocol },
      ...(hostAddress !== "" && { hostIP: hostAddress }),
    }));
  const request: ChainRequest = {
    list,
    version: await negotiateVersion(list, call),
    runtimeConfig: {
      ...(portMappings.length > 0 && { portMappings }),
      ...(address !== undefined && { ips: [address] }),
      ...(hardwareAddress !== undefined && { mac: hardwareAddress }),
      ...(aliases !== undefined && { aliases: { [list.name]: aliases } }),
      ...told,
    },
    call,
  };
  const { name: network } = list;
  using _sharing = await shareNetworks();
  inTransaction(database, () => addCNIAttachment(database, { container, network, device, request }));
  noteAttachment({ container, network, device });
  const result = await addChain(request);
  inTransaction(database, () => setCNIResult(database, container, network, result));
}

/** @throws {Unsupported} */
function refuseForPlainUsers({ home }: Store): void {
  if (home !== undefined)
    throw new Unsupported({ what: "CNI networks for plain users", why: "plugins want to be root" });
}

/** Connects a container that runs to one more; if that fails, it is as before. @throws {CNIPluginFailed} */
export async function connectCNILive(
  store: Store,
  { container, pid, told }: ToldConnected,
  attachment: NetworkAttachment,
): Promise<void> {
  refuseForPlainUsers(store);
  const namespace = holdNamespace(store, container, pid);
  const device = freeDevice(store, container);
  try {
    await connectOne(store, { container, namespace, device, told }, attachment, false);
  } catch (error) {
    await disconnectCNILive(store, container, attachment.name);
    if (listCNIAttachments(store.database, container).length === 0) releaseNamespace(namespace);
    throw error;
  }
}

/** Takes a container that runs out of one, by its name among ours. */
export async function disconnectCNILive(store: Store, container: string, name: string): Promise<void> {
  const attachments = listCNIAttachments(store.database, container);
  for (const attachment of attachments)
    if (`${CNI_PREFIX}${attachment.network}` === name) await disconnectOne(store, attachment);
}

async function disconnectOne(store: Store, attachment: CNIAttachment): Promise<void> {
  const { container, network, request, result } = attachment;
  using _sharing = await shareNetworks();
  const path = namespacePath(store, container);
  // A reboot takes it.
  const call = { ...request.call, namespace: existsSync(path) ? path : "" };
  await deleteChain({ ...request, call }, result);
  if (listCNIAttachments(store.database, container).length === 1) releaseNamespace(path);
  forgetAttachment(attachment);
  inTransaction(store.database, () => deleteCNIAttachment(store.database, container, network));
}

/** Takes a container out of its CNI networks, the last first. */
export async function disconnectCNI(store: Store, container: string): Promise<void> {
  const { database } = store;
  for (const attachment of listCNIAttachments(database, container).toReversed())
    await disconnectOne(store, attachment);
  inTransaction(database, () => {
    if (endpointsOf(store, container).length === 0) deleteConnections(database, container);
  });
  releaseNamespace(namespacePath(store, container));
}

function releaseNamespace(path: HostPath): void {
  unmount(path);
  rmSync(path, { force: true });
}

/** Where the network namespace of a container is held. */
export function namespacePath({ paths }: Store, container: string): HostPath {
  return join(paths.run, "netns", container) as HostPath;
}

function holdNamespace(store: Store, container: string, pid: number): HostPath {
  const path = namespacePath(store, container);
  if (existsSync(path)) return path;
  mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 });
  writeFileSync(path, "", { mode: 0o600 });
  bindTree(`/proc/${pid}/ns/net` as HostPath, path);
  return path;
}
