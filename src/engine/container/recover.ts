/**
 * Cleans up after teu processes that were killed: no daemon watches, so the next command does it. What belongs to an
 * owner that still runs is left alone. Every command comes by here, and nearly always there is nothing to do: what does it is loaded
 * when there is.
 */
import { isAlive } from "../../base/index.ts";
import { sendForSupervisor } from "../health/send.ts";
import { needsNameServer } from "../names/needed.ts";
import { containerByID, unfinishedContainers } from "../store/containers.ts";
import { listLeases } from "../store/leases.ts";
import type { Records } from "../store/store.ts";
import { removingVolumes } from "../store/volumes.ts";
import { hasEnded } from "./ended.ts";
import { sendForOverdue, startAfterBoot } from "./restart.ts";

/** Takes over, ends and cleans what dead owners left. */
export async function recover(records: Records): Promise<void> {
  const { database } = records;
  /** What deals with it works on a whole store. */
  const whole = async () => (await import("../store/open-store.ts")).withContent(records);
  for (const unfinished of unfinishedContainers(database)) {
    const container = hasEnded(records, unfinished) ? containerByID(database, unfinished.id) : undefined;
    if (container !== undefined) await (await import("./settle.ts")).settleInTime(await whole(), container);
  }
  for (const lease of listLeases(database))
    if (!isAlive(lease.owner)) (await import("../snapshot/abandoned.ts")).endAbandoned(await whole(), lease);
  if (removingVolumes(database).length > 0)
    (await import("../volume/remove.ts")).finishRemovals(await whole());
  if (needsNameServer(records)) (await import("../names/tell.ts")).sendForNameServer(await whole());
  sendForSupervisor(records);
  startAfterBoot(records);
  sendForOverdue(records);
}
