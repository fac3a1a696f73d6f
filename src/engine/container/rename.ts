/** Calls a container otherwise. */
import { renameContainer as rename } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import type { Store } from "../store/store.ts";
import { findContainer } from "./find.ts";
import { noteRecord } from "./note-record.ts";

/** Gives the container that `text` names a new name, by which it is found from now on. @throws {NameInUse} */
export function renameContainer(store: Store, text: string, name: string): void {
  const { id } = inTransaction(store.database, () => {
    const container = findContainer(store, text);
    if (container.name !== name) rename(store.database, store.namespace, container.id, name);
    return container;
  });
  noteRecord(store, id);
}
