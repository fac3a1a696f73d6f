/** A container's places in networks, as it is made and removed: what deals with networks is loaded for those that have any. */
import { CNI_PREFIX } from "../options/network.ts";
import { listCNIAttachments } from "../store/cni.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { hasEndpoint } from "../store/networks.ts";
import type { Store } from "../store/store.ts";

/** Connects a container whose first process, `pid`, waits to be started. */
export async function connect(store: Store, container: ContainerRecord, pid: number): Promise<void> {
  const { networks = [] } = container.settings;
  if (networks.length > 0) await (await import("./network.ts")).connect(store, container, pid);
}

/** Takes a container out of its networks. */
export async function disconnect(store: Store, container: ContainerRecord): Promise<void> {
  const { database } = store;
  const { networks = [] } = container.settings;
  const isThere =
    hasEndpoint(database, container.id) || listCNIAttachments(database, container.id).length > 0;
  // What plugins have given it may not have come to be noted.
  if (isThere || networks.some(({ name }) => name.startsWith(CNI_PREFIX)))
    await (await import("./network.ts")).disconnect(store, container);
}
