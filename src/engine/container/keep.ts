/**
 * Puts on disk what the next start of a new container needs, before anybody is told of it: a power cut leaves its record, and a record without
 * its config.json is a container that cannot be started. One that is removed when it ends is not started again, and saves the wait.
 */
import { dirname } from "node:path";
import { syncFolder } from "../../content/index.ts";
import { syncToDisk } from "../snapshot/sync-tree.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { containerDirectory, type Store, snapshotDirectory } from "../store/store.ts";

/** Everything is made by now: one commit of the file system's journal takes it together, and the other calls find it done. */
export function keepContainer(store: Store, { id, snapshot }: ContainerRecord): void {
  const kept = containerDirectory(store, id);
  syncToDisk([kept], 1);
  const made = snapshot === null ? [] : [snapshotDirectory(store, snapshot)];
  for (const directory of [kept, ...made]) syncFolder(dirname(directory));
  for (const directory of made) syncFolder(directory);
}
