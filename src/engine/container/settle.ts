/** What follows the end of a container, done by whichever teu comes first. */
import { thisOwner } from "../../base/index.ts";
import { readExitRecord, UNKNOWN_STATUS } from "../monitor/exit-record.ts";
import { type ContainerRecord, markExited, recordFate, takeOver } from "../store/containers.ts";
import { togetherWithOthers } from "../store/database.ts";
import { noteContainerEvent, noteEndEvents } from "../store/events.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { hasEnded } from "./ended.ts";
import { removeContainer, stopAndUnmount } from "./remove.ts";
import { noteEnd, sendFor } from "./restart.ts";

/** How long a command waits for a runtime of somebody else's that has to clean up. */
const PATIENCE_MS = 2000;

/** A runtime that hangs holds up its own container, and no command for another one. */
export async function settleInTime(store: Store, container: ContainerRecord): Promise<void> {
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
  if (!hasEnded(store, container)) return;
  const isCreating = container.phase === "creating";
  const exit = isCreating ? undefined : readExitRecord(containerDirectory(store, container.id));
  // Between the look and the claim another command may have come first.
  if (!takeOver(store.database, container, thisOwner())) return;
  const { autoRemove, removal } = container.settings;
  // A container that was never started is nothing that anybody has seen, and one whose removal was cut off is none any more.
  if (autoRemove || isCreating || removal !== undefined) {
    if (!isCreating && removal === undefined)
      await recordFate(store.database, container, () =>
        noteEndEvents(store.database, container.id, exit?.status ?? UNKNOWN_STATUS),
      );
    await removeContainer(store, container, { force: true, volumes: removal?.volumes ?? false });
    return;
  }
  await stopAndUnmount(store, container);
  const wasShortOfMemory = (exit?.oomKills ?? 0) > 0;
  const { status = UNKNOWN_STATUS, finishedAt = Date.now() } = exit ?? {};
  const isDue = await togetherWithOthers(store.database, () => {
    if (wasShortOfMemory) noteContainerEvent(store.database, container.id, "oom");
    markExited(store.database, container.id, status, finishedAt);
    return noteEnd(store, container, status, finishedAt);
  });
  if (isDue) sendFor(store, container.id);
}
