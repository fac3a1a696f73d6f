/** `teu restart`. */
import { togetherWithOthers } from "../store/database.ts";
import { noteContainerEvent } from "../store/events.ts";
import type { Store } from "../store/store.ts";
import { restartContainer } from "./again.ts";
import { findContainer } from "./find.ts";
import { stopContainer } from "./stop.ts";

/** Stops the container that `text` names, if it runs, and starts it once more. @throws {NoSuchContainer} */
export async function stopAndStart(
  store: Store,
  text: string,
  options: Parameters<typeof stopContainer>[2],
): Promise<void> {
  const { id } = findContainer(store, text);
  await stopContainer(store, id, options);
  await restartContainer(store, id, undefined);
  await togetherWithOthers(store.database, () => noteContainerEvent(store.database, id, "restart"));
}
