/** Opens the store that the environment chooses, and cleans it of what killed commands left. */
import { openEngineRecords } from "./open-records.ts";
import { withContent } from "./store/open-store.ts";
import type { Records, Store } from "./store/store.ts";

/** How long a pull that was killed can be taken up where it stopped. */
const RESUMABLE_MS = 24 * 3600 * 1000;

/**
 * The store of TEU_ROOT and TEU_RUN. As a plain user this process goes on as another one, from the beginning, in namespaces where
 * that user is root.
 */
export async function openEngine(environment: Readonly<Record<string, string | undefined>>): Promise<Store> {
  return wholeStore(await openEngineRecords(environment));
}

/** The store that `records` are of, its content cleaned of what killed pulls left. */
export function wholeStore(records: Records): Store {
  const store = withContent(records);
  store.content.pruneIngests(RESUMABLE_MS);
  return store;
}
