/** One store: its records, its content and its places. Opened by each command; many processes work on one at once. */
import type { Database } from "bun:sqlite";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { ContentStore, makeFolder } from "../../content/index.ts";
import type { HomeNetwork } from "../network/place.ts";
import type { EnginePaths } from "../paths.ts";
import { openDatabase } from "./database.ts";
import { tendReserve } from "./reserve.ts";

/** What every operation of the engine works on. */
export interface Store {
  readonly paths: EnginePaths;
  readonly database: Database;
  readonly content: ContentStore;
  /** Whose names are meant. */
  readonly namespace: string;
  /** Where a plain user's networks are; absent: in this process's own network namespace. */
  readonly home?: HomeNetwork;
}

/**
 * Opens the store at `paths`, and makes it when there is none. Only root sees into it: image files may be setuid.
 * @param open  Opens other records. @throws {RecordsLost}
 */
export function openStore(
  paths: EnginePaths,
  namespace = "default",
  home?: HomeNetwork,
  open?: () => Database,
): Store {
  for (const path of [paths.root, paths.snapshots, paths.containers]) makeFolder(path, 0o700);
  for (const path of [paths.run, paths.bundles]) mkdirSync(path, { recursive: true, mode: 0o700 });
  tendReserve(paths.root);
  const content = ContentStore.open(paths.content);
  const database = open?.() ?? openDatabase(paths.database, () => hasContent(paths, content));
  return { paths, database, content, namespace, ...(home && { home }) };
}

/** Whether anything lies there that records would be of. */
function hasContent(paths: EnginePaths, content: ContentStore): boolean {
  const hasNames = [paths.snapshots, paths.containers, join(paths.volumes, "default")].some(
    (path) => existsSync(path) && readdirSync(path).length > 0,
  );
  return hasNames || content.index.read().manifests.length > 0;
}

/** The directory of snapshot `number`. */
export function snapshotDirectory(store: Store, number: number): HostPath {
  return join(store.paths.snapshots, `${number}`) as HostPath;
}

/** What is kept of container `id`: its config.json, its log, how it ended. */
export function containerDirectory(store: Store, id: string): HostPath {
  return join(store.paths.containers, id) as HostPath;
}

/** The bundle of container `id`: there while it runs. */
export function bundleDirectory(store: Store, id: string): HostPath {
  return join(store.paths.bundles, id) as HostPath;
}
