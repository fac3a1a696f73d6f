/**
 * Records made again of what is there, when the database is gone or damaged: images from index.json, containers from what is kept with their
 * files, networks from networks.json; volumes are adopted by the repair that follows. They are made aside and take their place when they are
 * whole: whoever is killed meanwhile leaves a store without records, and the next repair begins again. Nothing is thrown away: the
 * damaged file stays beside, and what belongs to no record is moved to `lost`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { bootID, isTeuError, messageOf, type Owner, startTimeOf } from "../../base/index.ts";
import { syncFolder } from "../../content/index.ts";
import { chainIDs, encodeReference, parseReference } from "../../spec/index.ts";
import { lockFile } from "../../sys/index.ts";
import { type NotedRecord, RECORD } from "../container/note-record.ts";
import { readImage } from "../image/content.ts";
import { thisPlatform } from "../image/platform.ts";
import { readExitRecord } from "../monitor/exit-record.ts";
import { NOTED_NETWORKS, restoreNetworks } from "../network/note-networks.ts";
import { enginePaths } from "../paths.ts";
import { unpackLayers } from "../snapshot/unpack.ts";
import { NOBODY, restoreContainer } from "../store/containers.ts";
import { inTransaction, isDamage, makeDatabase, RecordsLost } from "../store/database.ts";
import { putImage } from "../store/images.ts";
import { openStore } from "../store/open-store.ts";
import { findSnapshot, reserveNumbers, restoreSnapshot, type SnapshotRecord } from "../store/snapshots.ts";
import { containerDirectory, type Store, snapshotDirectory } from "../store/store.ts";
import { holdVolumes } from "../volume/hold.ts";
import type { Repaired } from "./repair.ts";

const LOST = "lost";
const ANONYMOUS = /^[0-9a-f]{64}$/;

/** Makes the records again, if they are lost; else yields nothing. */
export async function* rebuildRecords(
  environment: Readonly<Record<string, string | undefined>>,
): AsyncGenerator<Repaired> {
  const paths = enginePaths(environment);
  const why = whatIsWrong(environment);
  if (why === undefined) return;
  // One at a time; nobody else opens a store without records.
  using _lock = lockFile(`${paths.database}.rebuild`);
  const damaged = setAside(paths.database);
  const aside = `${paths.database}.rebuilt`;
  const store = openStore(paths, "default", undefined, () => makeDatabase(aside));
  const subject = paths.database;
  const kept = damaged === undefined ? "" : `; what was left of the old ones is ${damaged}`;
  try {
    reserveNumbers(store.database, Math.max(0, ...numbersIn(store)));
    yield* images(store);
    yield* networks(store);
    yield* containers(store);
    yield* moveLost(store);
  } finally {
    store.database.run("PRAGMA wal_checkpoint(TRUNCATE)");
    store.database.close(true);
  }
  renameSync(aside, paths.database);
  for (const suffix of ["-wal", "-shm", ".lock"]) rmSync(`${aside}${suffix}`, { force: true });
  syncFolder(dirname(paths.database));
  yield repaired("database", subject, why, `made again of what is there${kept}`);
}

function repaired(
  kind: Repaired["kind"],
  subject: string,
  problem: string,
  done: string,
  isRepaired = true,
): Repaired {
  return { kind, subject, problem, remedy: { kind: "none", hint: done }, isRepaired, done };
}

function whatIsWrong(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const paths = enginePaths(environment);
  try {
    const { database } = openStore(paths);
    const [first] = database.query<{ integrity_check: string }, []>("PRAGMA integrity_check(1)").all();
    database.close();
    return first?.integrity_check === "ok" ? undefined : (first?.integrity_check ?? "it answers nothing");
  } catch (error) {
    if (error instanceof RecordsLost) return error.context.why;
    if (isDamage(error)) return messageOf(error);
    throw error;
  }
}

/** With the log that belongs to it. @returns what it is called now */
function setAside(path: string): string | undefined {
  if (!existsSync(path)) {
    // Of a database that is gone: another one must not take it for its own.
    for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
    return undefined;
  }
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[:.]/g, "-")}`;
  for (const suffix of ["-wal", "-shm", ""])
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`);
  syncFolder(dirname(path));
  return aside;
}

function numbersIn({ paths }: Store): number[] {
  return readdirSync(paths.snapshots)
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}

function* images(store: Store): Generator<Repaired> {
  for (const { mediaType, digest, size, annotations } of store.content.index.read().manifests) {
    const name = annotations?.["io.containerd.image.name"];
    if (name === undefined || !store.content.has(digest)) continue;
    const reference = encodeReference(parseReference(name));
    putImage(store.database, store.namespace, { reference, mediaType, digest, size }, "load");
    yield repaired("image", reference, "its record was lost", "recorded again");
  }
}

function* networks(store: Store): Generator<Repaired> {
  for (const name of restoreNetworks(store))
    yield repaired("network", name, "its record was lost", `recorded again, from ${NOTED_NETWORKS}`);
}

async function* containers(store: Store): AsyncGenerator<Repaired> {
  for (const id of readdirSync(store.paths.containers)) {
    const problem = "its record was lost";
    try {
      const noted = readNoted(store, id);
      if (typeof noted === "string") yield repaired("container", id.slice(0, 12), problem, noted, false);
      else {
        const more = await restore(store, noted);
        yield repaired("container", noted.name, problem, `recorded again${more}`);
      }
    } catch (error) {
      if (!isTeuError(error)) throw error;
      yield repaired("container", id.slice(0, 12), problem, `its files are kept: ${error.message}`, false);
    }
  }
}

/** @returns why there is none, as text */
function readNoted(store: Store, id: string): NotedRecord | string {
  const path = join(containerDirectory(store, id), RECORD);
  if (!existsSync(path)) return `it has no ${RECORD}; its files are moved to ${LOST}`;
  try {
    const noted = JSON.parse(readFileSync(path, "utf8")) as NotedRecord; // as noteRecord wrote it
    return noted.version === 1 && noted.id === id ? noted : `its ${RECORD} is of another teu`;
  } catch (error) {
    return `its ${RECORD} is damaged: ${messageOf(error)}`;
  }
}

async function restore(store: Store, noted: NotedRecord): Promise<string> {
  const { database } = store;
  const { id, snapshot, settings } = noted;
  const below = await restoreLayers(store, noted);
  const isWhole = noted.layers.length === 0 || below !== undefined;
  const exit = readExitRecord(containerDirectory(store, id));
  const owner = exit === undefined ? ownerOf(store, id) : undefined;
  const volumes = (settings.mounts ?? []).filter((mount) => mount.kind === "volume");
  inTransaction(database, () => {
    if (snapshot !== null) {
      const parent = below?.number ?? null;
      restoreSnapshot(database, {
        number: snapshot,
        kind: "active",
        key: id,
        parent,
        size: 0,
        hidesLower: false,
      });
    }
    restoreContainer(database, noted.namespace, {
      ...noted,
      phase: owner === undefined ? "exited" : "running",
      exitStatus: exit?.status ?? null,
      startedAt: exit !== undefined || owner !== undefined ? noted.createdAt : null,
      finishedAt: exit?.finishedAt ?? null,
      owner: owner ?? NOBODY,
    });
    holdVolumes({ ...store, namespace: noted.namespace }, id, volumes, (name) => ANONYMOUS.test(name));
  });
  if (!isWhole)
    return ", without the layers of its image, which are not here any more: 'teu export' has what it wrote";
  return owner !== undefined && (settings.networks ?? []).length > 0
    ? "; it runs: 'teu restart' it, so that its addresses are recorded"
    : "";
}

/** In the directories in which they are, where a container that runs has them; only what is not there is unpacked. @returns the topmost */
async function restoreLayers(store: Store, noted: NotedRecord): Promise<SnapshotRecord | undefined> {
  const { database } = store;
  const [top] = noted.layers;
  if (top === undefined) return undefined;
  const isHere = ({ number, key }: SnapshotRecord): boolean =>
    findSnapshot(database, key) !== undefined || existsSync(snapshotDirectory(store, number));
  if (noted.layers.every(isHere))
    inTransaction(database, () => {
      let parent: number | null = null;
      for (const layer of noted.layers.toReversed()) {
        const known = findSnapshot(database, layer.key);
        if (known === undefined) restoreSnapshot(database, { ...layer, parent });
        parent = known?.number ?? layer.number;
      }
    });
  else {
    const image = readImage(store, noted.imageTarget, thisPlatform());
    if (chainIDs(image.config.rootfs.diff_ids).some((chainID) => chainID === top.key))
      await unpackLayers(store, image);
  }
  return findSnapshot(database, top.key);
}

/** Who waits for it, if it runs: the parent of its first process, which the runtime has noted. */
function ownerOf({ paths }: Store, id: string): Owner | undefined {
  for (const folder of existsSync(paths.runtimeState) ? readdirSync(paths.runtimeState) : []) {
    const path = join(paths.runtimeState, folder, id, "state.json");
    if (!existsSync(path)) continue;
    const { pid, startTime } = JSON.parse(readFileSync(path, "utf8")) as { pid: number; startTime: string }; // the runtime's own
    if (startTimeOf(pid) !== Number(startTime)) return undefined;
    const [, parent = ""] = /^PPid:\s*([0-9]+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return { pid: Number(parent), startTime: startTimeOf(Number(parent)) ?? 0, bootID: bootID() };
  }
  return undefined;
}

/** What no record is of and holds what a container wrote: not for the collector to take. */
function* moveLost(store: Store): Generator<Repaired> {
  const { paths, database } = store;
  const rows = database
    .query<{ id: string; snapshot: number | null }, []>("SELECT id, snapshot FROM containers")
    .all();
  const [ids, numbers] = [new Set(rows.map(({ id }) => id)), new Set(rows.map(({ snapshot }) => snapshot))];
  const lost = [
    ...readdirSync(paths.containers)
      .filter((id) => !ids.has(id))
      .map((id) => containerDirectory(store, id)),
    ...numbersIn(store)
      .filter((number) => !numbers.has(number))
      .map((number) => snapshotDirectory(store, number))
      .filter((path) => existsSync(join(path, "work"))),
  ];
  for (const path of lost) {
    const target = join(paths.root, LOST, path.slice(paths.root.length + 1).replaceAll("/", "-"));
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    renameSync(path, target);
    yield repaired("orphan", path, "no record knows it", `moved to ${target}`);
  }
}
