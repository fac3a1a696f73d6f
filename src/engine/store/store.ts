/** One store: its records, its content and its places. Opened by each command; many processes work on one at once. */
import type { Database } from "bun:sqlite";
import { type HostPath, splitPath } from "../../base/index.ts";
import type { ContentStore } from "../../content/index.ts";
import {
  check,
  closeSync,
  existsSync,
  mkdirSync,
  O,
  openSync,
  readdirSync,
  readTextIfAnySync,
  syscall,
} from "../../sys/index.ts";
import type { HomeNetwork } from "../network/place.ts";
import type { EnginePaths } from "../paths.ts";
import { openDatabase } from "./database.ts";
import { tendReserve } from "./reserve.ts";

/** A store without its content: what commands work on that look at containers alone. What reads content is not loaded for them, nor is node:fs. */
export interface Records {
  readonly paths: EnginePaths;
  readonly database: Database;
  /** Whose names are meant. */
  readonly namespace: string;
  /** Where a plain user's networks are; absent: in this process's own network namespace. */
  readonly home?: HomeNetwork;
}

/** What every other operation of the engine works on. */
export interface Store extends Records {
  readonly content: ContentStore;
}

/**
 * Opens the records of the store at `paths`, and makes them when there are none. Only root sees into it: image files may be setuid.
 * @param open  Opens other records. @throws {RecordsLost}
 */
export function openRecords(
  paths: EnginePaths,
  namespace = "default",
  home?: HomeNetwork,
  open?: () => Database,
): Records {
  for (const path of [paths.root, paths.snapshots, paths.containers]) makeDurably(path);
  for (const path of [paths.run, paths.bundles])
    if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o700 });
  tendReserve(paths.root);
  const database = open?.() ?? openDatabase(paths.database, () => hasContent(paths));
  return { paths, database, namespace, ...(home && { home }) };
}

/** Makes a folder, and what is missing above it, so that a power cut leaves it. */
function makeDurably(path: string): void {
  if (existsSync(path)) return;
  const { directory } = splitPath(path);
  makeDurably(directory);
  mkdirSync(path, { recursive: true, mode: 0o700 }); // another process may have been first
  const above = openSync(directory, O.RDONLY | O.DIRECTORY);
  try {
    check(syscall("fsync", above), "fsync", directory);
  } finally {
    closeSync(above);
  }
}

/** Whether anything lies there that records would be of. */
function hasContent(paths: EnginePaths): boolean {
  const hasNames = [paths.snapshots, paths.containers, `${paths.volumes}/default`].some(
    (path) => existsSync(path) && readdirSync(path).length > 0,
  );
  return hasNames || hasManifests(readTextIfAnySync(`${paths.content}/index.json`));
}

/** Of an index that cannot be read nobody can say that it names nothing. */
function hasManifests(index: string | undefined): boolean {
  if (index === undefined) return false;
  try {
    const { manifests } = JSON.parse(index) as { manifests?: readonly unknown[] };
    return manifests?.length !== 0;
  } catch {
    return true;
  }
}

/** The directory of snapshot `number`. */
export function snapshotDirectory({ paths }: Pick<Store, "paths">, number: number): HostPath {
  return `${paths.snapshots}/${number}` as HostPath;
}

/** What is kept of container `id`: its config.json, its log, how it ended. */
export function containerDirectory({ paths }: Pick<Store, "paths">, id: string): HostPath {
  return `${paths.containers}/${id}` as HostPath;
}

/** The bundle of container `id`: there while it runs. */
export function bundleDirectory({ paths }: Pick<Store, "paths">, id: string): HostPath {
  return `${paths.bundles}/${id}` as HostPath;
}
