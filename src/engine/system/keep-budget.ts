/** Whether there is a limit to the room of images. Where there is none, as on most machines, nothing else is loaded for it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "../store/store.ts";
import type { Pruned } from "./prune.ts";

const SYSTEM = "/etc/teu/engine.toml";

/**
 * Removes what is too much, if there is a limit: the store's own file says it, or else the machine's. While anybody is at work, nothing goes: the
 * next one sees to it.
 * @param isRare  Whether to look however short a while ago somebody has looked.
 * @throws {InvalidConfiguration} @throws {InvalidOption}
 */
export async function keepBudget(store: Store, options: { readonly isRare: boolean }): Promise<Pruned[]> {
  const path = [join(store.paths.root, "engine.toml"), SYSTEM].find((one) => existsSync(one));
  if (path === undefined) return [];
  return await (await import("./budget.ts")).keepBudgetOf(path, store, options);
}
