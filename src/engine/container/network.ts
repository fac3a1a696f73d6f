/** A container's network, from the moment that it is created to its end. */

import type { RuntimeConfig } from "../../spec/index.ts";
import type { Network } from "../bundle/config.ts";
import { type HostEntry, writeOwnAddress } from "../bundle/files.ts";
import { connectContainer } from "../network/connect.ts";
import { HOST_GATEWAY } from "../options/assignment.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { containerDirectory, type Store } from "../store/store.ts";

/** Whether the network is one of ours. */
export function isBridged(network: Network): boolean {
  return network !== "none" && network !== "host";
}

/** Connects a container whose first process, `pid`, waits to be started. */
export function connect(
  store: Store,
  { id, name, settings }: ContainerRecord,
  config: RuntimeConfig,
  pid: number,
): void {
  const { network, ports = [], hosts = [] } = settings;
  if (network === undefined) return;
  const { address, gateway } = connectContainer(store, { container: id, pid, network, ports });
  const resolved = (host: HostEntry) =>
    host.address === HOST_GATEWAY ? { ...host, address: gateway } : host;
  const names = [...new Set([config.hostname ?? name, name])];
  writeOwnAddress(containerDirectory(store, id), { address, names }, hosts.map(resolved));
}
