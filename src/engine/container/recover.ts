/**
 * Cleans up after teu processes that were killed: no daemon watches, so the next command does it. What belongs to an
 * owner that still runs is left alone. Every command comes by here, and nearly always there is nothing to do: what does it is loaded
 * when there is.
 */
import { isAlive } from "../../base/index.ts";
import { sendForSupervisor } from "../health/send.ts";
import { needsNameServer } from "../names/needed.ts";
import { unfinishedContainers } from "../store/containers.ts";
import { listLeases } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { removingVolumes } from "../store/volumes.ts";
import { hasEnded } from "./ended.ts";
import { sendForOverdue, startAfterBoot } from "./restart.ts";

/** How long a pull that was killed can be taken up where it stopped. */
const RESUMABLE_MS = 24 * 3600 * 1000;

/** Takes over, ends and cleans what dead owners left. */
export async function recover(store: Store): Promise<void> {
  for (const container of unfinishedContainers(store.database))
    if (hasEnded(store, container)) await (await import("./settle.ts")).settleInTime(store, container);
  for (const lease of listLeases(store.database))
    if (!isAlive(lease.owner)) (await import("../snapshot/abandoned.ts")).endAbandoned(store, lease);
  if (removingVolumes(store.database).length > 0) (await import("../volume/remove.ts")).finishRemovals(store);
  if (needsNameServer(store)) (await import("../names/tell.ts")).sendForNameServer(store);
  sendForSupervisor(store);
  startAfterBoot(store);
  sendForOverdue(store);
  store.content.pruneIngests(RESUMABLE_MS);
}
