/** Calls a container otherwise. */
import { InvalidOption } from "../options/error.ts";
import { renameContainer as rename } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import type { Store } from "../store/store.ts";
import { findContainer } from "./find.ts";
import { noteRecord } from "./note-record.ts";

/** Gives the container that `text` names a new name, by which it is found from now on. @throws {NameInUse} */
export function renameContainer(store: Store, text: string, name: string): void {
  const { id } = inTransaction(store.database, () => {
    const container = findContainer(store, text);
    if (container.name === name)
      throw new InvalidOption(
        { option: "NAME", value: name },
        "Renaming a container with the same name as its current name",
      );
    rename(store.database, store.namespace, container.id, name);
    return container;
  });
  noteRecord(store, id);
}
