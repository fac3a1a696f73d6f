/**
 * Cleans up after teu processes that were killed: no daemon watches, so the next command does it. What belongs to an
 * owner that still runs is left alone.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, isAlive, thisOwner } from "../../base/index.ts";
import { sendForSupervisor } from "../health/send.ts";
import { readExitRecord } from "../monitor/exit-record.ts";
import { unmount } from "../mount/calls.ts";
import { sendForNameServer } from "../names/tell.ts";
import { type ContainerRecord, markExited, takeOver, unfinishedContainers } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { noteContainerEvent } from "../store/events.ts";
import { endLease, listLeases } from "../store/leases.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { finishRemovals } from "../volume/remove.ts";
import { removeContainer, stopAndUnmount } from "./remove.ts";
import { noteEnd, sendFor, sendForOverdue, startAfterBoot } from "./restart.ts";

/** What a process that is killed reports: 128 + SIGKILL. */
const KILLED = 137;

/** How long a pull that was killed can be taken up where it stopped. */
const RESUMABLE_MS = 24 * 3600 * 1000;

/** Takes over, ends and cleans what dead owners left. */
export async function recover(store: Store): Promise<void> {
  for (const container of unfinishedContainers(store.database)) await settleInTime(store, container);
  for (const lease of listLeases(store.database)) {
    if (isAlive(lease.owner)) continue;
    if (lease.directory !== null) {
      const directory = join(store.paths.snapshots, lease.directory);
      unmount(join(directory, "lower") as HostPath);
      rmSync(directory, { recursive: true, force: true });
    }
    endLease(store.database, lease.id);
  }
  finishRemovals(store);
  sendForNameServer(store);
  sendForSupervisor(store);
  startAfterBoot(store);
  sendForOverdue(store);
  store.content.pruneIngests(RESUMABLE_MS);
}

/** How long a command waits for a runtime of somebody else's that has to clean up. */
const PATIENCE_MS = 2000;

/** A runtime that hangs holds up its own container, and no command for another one. */
async function settleInTime(store: Store, container: ContainerRecord): Promise<void> {
  const settled = settle(store, container);
  if (container.settings.runtime === undefined) return await settled;
  settled.catch(() => undefined); // it may fail when nobody waits any more: the next command tries again
  await Promise.race([settled, Bun.sleep(PATIENCE_MS)]);
}

/**
 * Does what follows the end of `container`, if it has ended: its monitor has left a record, or who owned it is gone. One that is due again
 * is left to a teu in the background.
 */
export async function settle(store: Store, container: ContainerRecord): Promise<void> {
  const isCreating = container.phase === "creating";
  const exit = isCreating ? undefined : readExitRecord(containerDirectory(store, container.id));
  // Its monitor has nothing left to do; any other owner that is alive is at it.
  if (exit?.monitor !== container.owner.pid && isAlive(container.owner)) return;
  // Between the look and the claim another command may have come first.
  if (!takeOver(store.database, container, thisOwner())) return;
  // A container that was never started is nothing that anybody has seen.
  if (container.settings.autoRemove || isCreating) {
    if (!isCreating)
      inTransaction(store.database, () =>
        noteContainerEvent(store.database, container.id, "die", { exitCode: `${exit?.status ?? KILLED}` }),
      );
    await removeContainer(store, container, { force: true });
    return;
  }
  await stopAndUnmount(store, container);
  const { status = KILLED, finishedAt = Date.now() } = exit ?? {};
  const isDue = inTransaction(store.database, () => {
    markExited(store.database, container.id, status, finishedAt);
    return noteEnd(store, container, status, finishedAt);
  });
  if (isDue) sendFor(store, container.id);
}
