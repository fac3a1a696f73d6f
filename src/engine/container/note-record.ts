/**
 * What the database says of a container is kept with its files too: `system repair` makes the records again from there when the database is
 * lost. What changes from start to end is not in it: the runtime's state and the monitor's exit record say that.
 */
import { join } from "node:path";
import { replaceFile } from "../../content/index.ts";
import { type ContainerRecord, findContainers } from "../store/containers.ts";
import { type SnapshotRecord, snapshotChain } from "../store/snapshots.ts";
import { containerDirectory, type Store } from "../store/store.ts";

/** Version 1 of record.json. */
export interface NotedRecord
  extends Pick<
    ContainerRecord,
    "id" | "name" | "image" | "imageTarget" | "snapshot" | "settings" | "createdAt"
  > {
  readonly version: 1;
  readonly namespace: string;
  /** The layers that its own stands on, top first. */
  readonly layers: readonly SnapshotRecord[];
}

/** Its name in the container's directory. */
export const RECORD = "record.json";

/** The document for `container`. */
export function encodeRecord(
  { database, namespace }: Store,
  { id, name, image, imageTarget, snapshot, settings, createdAt }: ContainerRecord,
): string {
  const layers = snapshot === null ? [] : snapshotChain(database, snapshot).slice(1);
  const noted: NotedRecord = {
    ...{ version: 1, namespace, id, name, image, imageTarget, snapshot, layers },
    ...{ settings, createdAt },
  };
  return JSON.stringify(noted);
}

/** Writes what is known of the container `id` now. One that goes when it ends is not kept. */
export function noteRecord(store: Store, id: string): void {
  const [container] = findContainers(store.database, store.namespace, id);
  if (container === undefined || container.settings.autoRemove) return;
  replaceFile(join(containerDirectory(store, id), RECORD), encodeRecord(store, container), 0o600);
}
