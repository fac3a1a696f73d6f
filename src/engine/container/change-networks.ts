/** Changes which networks a container is in, while it runs or not. */
import { TeuError } from "../../base/index.ts";
import { withPlaces } from "../network/cni/configuration.ts";
import { networkIDOf } from "../network/cni/list.ts";
import { connectLive, disconnectLive } from "../network/connect.ts";
import { findNetwork, identifyNetwork } from "../network/find.ts";
import { DEFAULT_NETWORK, predefinedNetwork } from "../network/predefined.ts";
import { refuseEndpointOptions } from "../options/endpoint-options.ts";
import { InvalidOption } from "../options/error.ts";
import { CNI_PREFIX, checkDevices, isOf, type NetworkAttachment, refuseLinks } from "../options/network.ts";
import { type ContainerRecord, changeSettings } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import type { Store } from "../store/store.ts";
import { runningPid } from "./driver-of.ts";
import { findContainer } from "./find.ts";
import { tellAddresses, toldToPlugins } from "./network.ts";
import { noteRecord } from "./note-record.ts";

/** It is in that network already. Docker's words. */
export class AlreadyConnected extends TeuError<"already-connected", { container: string; network: string }> {
  constructor(context: { container: string; network: string }) {
    const { container, network } = context;
    super(
      "already-connected",
      "already-exists",
      context,
      `endpoint with name ${container} already exists in network ${network}`,
    );
  }
}

/** It is not in that network. Docker's words. */
export class NotConnected extends TeuError<"not-connected", { container: string; network: string }> {
  constructor(context: { container: string; network: string }) {
    const { container, network } = context;
    super(
      "not-connected",
      "failed-precondition",
      context,
      `container ${container} is not connected to network ${network}`,
    );
  }
}

/** It has no network namespace of its own that could be in networks. Docker's words. */
export class NotConnectable extends TeuError<"not-connectable", { container: string }> {
  constructor(context: { container: string }) {
    super(
      "not-connectable",
      "failed-precondition",
      context,
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
}

/** These two are chosen when a container is made. Docker's words. */
export class NetworkModeFixed extends TeuError<"network-mode-fixed", { container: string; network: string }> {
  constructor(context: { container: string; network: string }) {
    super(
      "network-mode-fixed",
      "failed-precondition",
      context,
      context.network === "host"
        ? "container cannot be disconnected from host network or connected to host network"
        : "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
  }
}

/** Who is in no network stays there. @throws {NetworkModeFixed} */
function refusePredefined({ name, settings }: ContainerRecord, text: string): void {
  const network = predefinedNetwork(text);
  if (network === undefined) return;
  if (settings.networks === undefined && settings.networkMode !== "none")
    throw new NotConnectable({ container: name });
  throw new NetworkModeFixed({ container: name, network });
}

/** Connects the container that `text` names to one more network, at once where it runs, and for its next runs. */
export async function connectToNetwork(
  store: Store,
  text: string,
  attachment: NetworkAttachment,
): Promise<void> {
  const container = findContainer(store, text);
  refusePredefined(container, attachment.name);
  const network = networkOf(store, attachment.name);
  if (attachment.links !== undefined && network.name === DEFAULT_NETWORK)
    throw new InvalidOption(
      { option: "--link", value: attachment.links.map(({ alias }) => alias).join(",") },
      "links are only supported for user-defined networks",
    );
  if (attachment.links !== undefined && network.isOfPlugins) refuseLinks(network.name);
  if (attachment.driverOptions !== undefined && network.isOfPlugins) refuseEndpointOptions(network.name);
  const { networks } = container.settings;
  if (networks === undefined) throw new NotConnectable({ container: container.name });
  if (networks.some((other) => isOf(other, network)))
    throw new AlreadyConnected({ container: container.name, network: network.name });
  const attached = withPlaces({ ...attachment, name: network.name });
  checkDevices([...networks, attached]);
  const pid = await runningPid(store, container);
  if (network.isOfPlugins && pid !== undefined) {
    const { connectCNILive } = await import("../network/cni/attach.ts");
    const told = await toldToPlugins(store, container);
    await connectCNILive(store, { container: container.id, pid, told }, attached);
  } else if (pid !== undefined) connectLive(store, { container: container.id, pid }, attached);
  await remember(store, container, [...networks, attached]);
}

/** Takes the container that `text` names out of a network, at once where it runs, and for its next runs. */
export async function disconnectFromNetwork(store: Store, text: string, name: string): Promise<void> {
  const container = findContainer(store, text);
  refusePredefined(container, name);
  const network = networkOf(store, name);
  const { networks = [] } = container.settings;
  if (!networks.some((other) => isOf(other, network)))
    throw new NotConnected({ container: container.name, network: network.name });
  const pid = await runningPid(store, container);
  if (network.isOfPlugins && pid !== undefined) {
    const { disconnectCNILive } = await import("../network/cni/attach.ts");
    await disconnectCNILive(store, container.id, name);
  } else if (pid !== undefined)
    disconnectLive(store, { container: container.id, pid }, findNetwork(store, name));
  await remember(
    store,
    container,
    networks.filter((other) => !isOf(other, network)),
  );
}

/** One of ours, or of CNI files, of which the name is all. */
function networkOf(store: Store, text: string): { id: string; name: string; isOfPlugins: boolean } {
  if (text.startsWith(CNI_PREFIX)) return { id: networkIDOf(text), name: text, isOfPlugins: true };
  return { ...identifyNetwork(store, text), isOfPlugins: false };
}

async function remember(
  store: Store,
  container: ContainerRecord,
  networks: readonly NetworkAttachment[],
): Promise<void> {
  const settings = { ...container.settings, networks };
  inTransaction(store.database, () => changeSettings(store.database, container.id, settings));
  noteRecord(store, container.id);
  if (container.phase === "running") await tellAddresses(store, { ...container, settings });
}
