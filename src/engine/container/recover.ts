/**
 * Cleans up after teu processes that were killed: no daemon watches, so the next command does it. What belongs to an
 * owner that still runs is left alone.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, isAlive, thisOwner } from "../../base/index.ts";
import { unmount } from "../snapshot/overlay.ts";
import { type ContainerRecord, markExited, takeOver, unfinishedContainers } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { endLease, listLeases } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { removeContainer, stopAndUnmount } from "./remove.ts";

/** What a process that is killed reports: 128 + SIGKILL. */
const KILLED = 137;

/** How long a pull that was killed can be taken up where it stopped. */
const RESUMABLE_MS = 24 * 3600 * 1000;

/** Takes over, ends and cleans what dead owners left. */
export async function recover(store: Store): Promise<void> {
  for (const container of unfinishedContainers(store.database)) {
    // Between the look and the claim another command may have come first.
    if (!isAlive(container.owner) && takeOver(store.database, container, thisOwner()))
      await finish(store, container);
  }
  for (const lease of listLeases(store.database)) {
    if (isAlive(lease.owner)) continue;
    if (lease.directory !== null) {
      const directory = join(store.paths.snapshots, lease.directory);
      unmount(join(directory, "lower") as HostPath);
      rmSync(directory, { recursive: true, force: true });
    }
    endLease(store.database, lease.id);
  }
  store.content.pruneIngests(RESUMABLE_MS);
}

async function finish(store: Store, container: ContainerRecord): Promise<void> {
  // A container that was never started is nothing that anybody has seen.
  if (container.settings.autoRemove || container.phase === "creating") {
    await removeContainer(store, container, { force: true });
    return;
  }
  await stopAndUnmount(store, container);
  inTransaction(store.database, () => markExited(store.database, container.id, KILLED));
}
