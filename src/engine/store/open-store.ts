/** Opens a store as a whole. */
import type { Database } from "bun:sqlite";
import { ContentStore } from "../../content/index.ts";
import type { HomeNetwork } from "../network/place.ts";
import type { EnginePaths } from "../paths.ts";
import { openRecords, type Records, type Store } from "./store.ts";

/** As `openRecords()`, with the content. @throws {RecordsLost} {InvalidLayout} */
export function openStore(
  paths: EnginePaths,
  namespace?: string,
  home?: HomeNetwork,
  open?: () => Database,
): Store {
  return withContent(openRecords(paths, namespace, home, open));
}

/** The store that `records` are of. @throws {InvalidLayout} */
export function withContent(records: Records): Store {
  return { ...records, content: ContentStore.open(records.paths.content) };
}
