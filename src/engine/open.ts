/** Opens the store that the environment chooses, and cleans it of what killed commands left. */
import { recover } from "./container/recover.ts";
import { openStoreHere } from "./open-here.ts";
import type { Store } from "./store/store.ts";

/**
 * The store of TEU_ROOT and TEU_RUN. As a plain user this process goes on as another one, from the beginning, in namespaces where
 * that user is root.
 */
export async function openEngine(environment: Readonly<Record<string, string | undefined>>): Promise<Store> {
  if (process.geteuid?.() !== 0) await (await import("./home/enter.ts")).enterHome(environment);
  const store = await openStoreHere(environment);
  await recover(store);
  return store;
}
