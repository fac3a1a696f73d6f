/**
 * `teu system check`: whether all that the records say is there and right, and whether anything is there that no record knows. Nothing is
 * changed. What somebody is at work on is left out.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, messageOf } from "../../base/index.ts";
import { isWhole } from "../../content/index.ts";
import { type ByteString, compareLayer, walkImage } from "../../image/index.ts";
import {
  chainIDs,
  type Descriptor,
  type Digest,
  familiarReference,
  parseReference,
} from "../../spec/index.ts";
import { layerFiles } from "../../sys/index.ts";
import { readImage } from "../image/content.ts";
import { thisPlatform } from "../image/platform.ts";
import { filesDirectory } from "../snapshot/directories.ts";
import { listCNIAttachments } from "../store/cni.ts";
import { listContainers } from "../store/containers.ts";
import { listImages } from "../store/images.ts";
import { listLeases } from "../store/leases.ts";
import { listEndpoints, listNetworks } from "../store/networks.ts";
import { listSnapshots, type SnapshotRecord } from "../store/snapshots.ts";
import { bundleDirectory, containerDirectory, type Store, snapshotDirectory } from "../store/store.ts";
import { listVolumes } from "../store/volumes.ts";
import { dataDirectory } from "../volume/place.ts";

/** What can be done about a problem. */
export type Remedy =
  /** Content that is not what it is called. */
  | { readonly kind: "delete-blob"; readonly digest: Digest }
  /** An image of which something is missing. */
  | { readonly kind: "fetch"; readonly reference: string }
  /** A layer's directory, to be made again from the layer. */
  | { readonly kind: "unpack"; readonly snapshot: number }
  /** What no record knows. */
  | { readonly kind: "remove-path"; readonly path: string }
  | { readonly kind: "collect" }
  | { readonly kind: "remove-bundle"; readonly id: string }
  /** A volume's files without its record, and the other way round. */
  | { readonly kind: "adopt-volume"; readonly name: string }
  | { readonly kind: "make-volume"; readonly name: string }
  | { readonly kind: "none"; readonly hint: string };

/** One thing that is wrong. */
export interface Problem {
  readonly kind: "database" | "blob" | "image" | "layer" | "container" | "volume" | "network" | "orphan";
  /** A digest, a name, a path. */
  readonly subject: string;
  readonly problem: string;
  readonly remedy: Remedy;
}

/** How thoroughly to look. */
export interface CheckOptions {
  /** Whether content is hashed and layers are compared with their directories; else only whether it is there. */
  readonly isDeep: boolean;
  readonly signal?: AbortSignal;
}

/** How the key of a layer begins that is being repaired. */
export const BROKEN = "broken:";

/** Yields what is wrong, as it is found. */
export async function* checkStore(store: Store, options: CheckOptions): AsyncGenerator<Problem> {
  yield* databaseProblems(store);
  yield* blobProblems(store, options);
  yield* imageProblems(store);
  yield* layerProblems(store, options);
  yield* containerProblems(store);
  yield* volumeProblems(store);
  yield* networkProblems(store);
  yield* pluginProblems(store);
  yield* orphans(store);
}

function* databaseProblems({ database, paths }: Store): Generator<Problem> {
  const hint = "Nothing can mend a database that lost bits: keep a copy of it, and look after the disk";
  const subject = paths.database;
  const said = database.query<{ integrity_check: string }, []>("PRAGMA integrity_check(20)").all();
  for (const { integrity_check: problem } of said)
    if (problem !== "ok") yield { kind: "database", subject, problem, remedy: { kind: "none", hint } };
  type Violation = { table: string; parent: string };
  for (const { table, parent } of database.query<Violation, []>("PRAGMA foreign_key_check").all())
    yield {
      ...{ kind: "database", subject, remedy: { kind: "none", hint } },
      problem: `a row of ${table} refers to a row of ${parent} that is not there`,
    };
}

async function* blobProblems({ content }: Store, { isDeep, signal }: CheckOptions): AsyncGenerator<Problem> {
  if (!isDeep) return;
  for (const digest of [...content.digests()]) {
    signal?.throwIfAborted();
    if (!content.has(digest) || (await isWhole(content, digest))) continue;
    const problem = "its content hashes to something else: it lost bits on this disk";
    yield { kind: "blob", subject: digest, problem, remedy: { kind: "delete-blob", digest } };
  }
}

/** What is missing of images. */
export function* imageProblems(store: Store): Generator<Problem> {
  for (const record of listImages(store.database, store.namespace)) {
    const subject = familiarReference(parseReference(record.reference));
    const problem = whatIsMissing(store, record);
    if (problem !== undefined)
      yield { kind: "image", subject, problem, remedy: { kind: "fetch", reference: subject } };
  }
}

/** Of an index, manifests for other platforms may be elsewhere; all that one leads to that is here is to be here. */
function whatIsMissing({ content }: Store, target: Descriptor): string | undefined {
  if (!content.has(target.digest)) return `${target.digest}, at which it points, is not here`;
  try {
    let manifests = 0;
    for (const { descriptor, isHere } of walkImage(content, target)) {
      const isManifest = /manifest\.(v1|v2)\+json$/.test(descriptor.mediaType);
      if (isHere && isManifest) manifests++;
      if (!isHere && !isManifest) return `${descriptor.digest} (${descriptor.mediaType}) is not here`;
    }
    return manifests === 0 ? "none of its manifests is here" : undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function* layerProblems(store: Store, { isDeep, signal }: CheckOptions): AsyncGenerator<Problem> {
  const layers = isDeep ? storedLayers(store) : new Map<string, Digest>();
  for (const snapshot of listSnapshots(store.database)) {
    if (snapshot.kind !== "committed") continue;
    signal?.throwIfAborted();
    const problem = await layerProblem(store, snapshot, layers.get(snapshot.key));
    if (problem === undefined) continue;
    const remedy = { kind: "unpack", snapshot: snapshot.number } as const;
    yield { kind: "layer", subject: snapshot.key, problem, remedy };
  }
}

async function layerProblem(
  store: Store,
  snapshot: SnapshotRecord,
  layer: Digest | undefined,
): Promise<string | undefined> {
  if (snapshot.key.startsWith(BROKEN))
    return "it was found to be broken, and its repair did not come to its end";
  const directory = filesDirectory(store, snapshot);
  if (!existsSync(directory)) return `its directory ${directory} is missing`;
  if (layer === undefined || !store.content.has(layer)) return undefined;
  try {
    const files = layerFiles<ByteString>();
    const [first, ...others] = await compareLayer(store.content.readStream(layer), directory, files);
    const more = others.length === 0 ? "" : `, and ${others.length} or more others`;
    return first === undefined ? undefined : `in ${directory} ${first}${more}`;
  } catch (error) {
    // Nothing can be compared with a layer that lost bits; that is told where content is looked at.
    return (await isWhole(store.content, layer)) ? messageOf(error) : undefined;
  }
}

/** Which layer each chainID of an image that is here was unpacked from. */
function storedLayers(store: Store): Map<string, Digest> {
  const found = new Map<string, Digest>();
  const targets = [
    ...listImages(store.database, store.namespace),
    ...listContainers(store.database, store.namespace).map(({ imageTarget }) => imageTarget),
  ];
  for (const target of targets) {
    try {
      const { manifest, config } = readImage(store, target, thisPlatform());
      for (const [index, chainID] of chainIDs(config.rootfs.diff_ids).entries()) {
        const layer = manifest.layers[index];
        if (layer !== undefined) found.set(chainID, layer.digest);
      }
    } catch {
      // What is wrong with an image is told where images are looked at.
    }
  }
  return found;
}

function* containerProblems(store: Store): Generator<Problem> {
  const snapshots = new Map(listSnapshots(store.database).map((snapshot) => [snapshot.number, snapshot]));
  for (const { id, name, phase, snapshot, owner } of listContainers(store.database, store.namespace)) {
    if (phase === "creating") continue;
    const hint = `What it wrote may be there still ('teu export ${name}'); then 'teu rm ${name}'`;
    const wrong = (problem: string): Problem => ({
      ...{ kind: "container", subject: name, problem },
      remedy: { kind: "none", hint },
    });
    const config = join(containerDirectory(store, id), "config.json");
    if (!existsSync(config)) yield wrong(`${config} is missing`);
    else if (!isJSON(config)) yield wrong(`${config} is no JSON`);
    if (snapshot !== null && !snapshots.has(snapshot)) yield wrong("its writable layer has no record");
    else if (snapshot !== null && !existsSync(snapshotDirectory(store, snapshot)))
      yield wrong(`its writable layer ${snapshotDirectory(store, snapshot)} is missing`);
    if (phase === "running" && isAlive(owner) && !existsSync(bundleDirectory(store, id)))
      yield wrong(`its bundle ${bundleDirectory(store, id)} is missing, though it runs`);
  }
}

function isJSON(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, "utf8"));
    return true;
  } catch {
    return false;
  }
}

function* volumeProblems(store: Store): Generator<Problem> {
  const volumes = listVolumes(store.database, store.namespace);
  for (const { name } of volumes) {
    if (existsSync(dataDirectory(store, name))) continue;
    const problem = `its directory ${dataDirectory(store, name)} is missing, and what it held`;
    yield { kind: "volume", subject: name, problem, remedy: { kind: "make-volume", name } };
  }
  const known = new Set(volumes.map(({ name }) => name));
  for (const name of namesIn(join(store.paths.volumes, store.namespace)))
    if (!known.has(name))
      yield {
        ...{
          kind: "volume",
          subject: name,
          problem: `${dataDirectory(store, name)} is there, and no record`,
        },
        remedy: { kind: "adopt-volume", name },
      };
}

function* networkProblems({ database, namespace }: Store): Generator<Problem> {
  const running = new Set(
    listContainers(database, namespace).flatMap(({ id, phase }) => (phase === "exited" ? [] : [id])),
  );
  const networks = new Map(listNetworks(database, namespace).map((network) => [network.id, network.name]));
  for (const { container, network } of listEndpoints(database)) {
    const name = networks.get(network);
    if (name === undefined || running.has(container)) continue;
    const problem = `container ${container.slice(0, 12)} has an address in it and does not run`;
    const hint = `'teu start' and 'teu stop' of that container give it back`;
    yield { kind: "network", subject: name, problem, remedy: { kind: "none", hint } };
  }
}

async function* pluginProblems(store: Store): AsyncGenerator<Problem> {
  if (listCNIAttachments(store.database).length === 0) return;
  const { cniProblems } = await import("../network/cni/check.ts");
  for await (const { network, problem, hint } of cniProblems(store))
    yield { kind: "network", subject: network, problem, remedy: { kind: "none", hint } };
}

/** What lies in our directories and no record knows. The directories are read first: what is made meanwhile has its record before. */
function* orphans(store: Store): Generator<Problem> {
  const { paths, database } = store;
  const [containers, bundles, snapshots] = [paths.containers, paths.bundles, paths.snapshots].map(
    namesIn,
  ) as [string[], string[], string[]]; // as many as were read
  const held = new Set(
    listLeases(database)
      .filter(({ owner }) => isAlive(owner))
      .map(({ directory }) => directory),
  );
  const ids = new Set(listContainers(database, store.namespace).map(({ id }) => id));
  const numbers = new Set(listSnapshots(database).map(({ number }) => `${number}`));
  const orphan = (path: string, remedy: Remedy): Problem => ({
    ...{ kind: "orphan", subject: path, remedy },
    problem: "no record knows it",
  });
  const found: Problem[] = [];
  for (const id of containers) {
    const path = join(paths.containers, id);
    if (!ids.has(id)) found.push(orphan(path, { kind: "remove-path", path }));
  }
  for (const id of bundles)
    if (!ids.has(id)) found.push(orphan(join(paths.bundles, id), { kind: "remove-bundle", id }));
  for (const name of snapshots) {
    if (numbers.has(name) || held.has(name)) continue;
    const path = join(paths.snapshots, name);
    // One with a number may be about to get its record: only the collector can tell.
    const isNumbered = /^[0-9]+$/.test(name);
    found.push(orphan(path, isNumbered ? { kind: "collect" } : { kind: "remove-path", path }));
  }
  // What somebody was at work on is gone by now.
  yield* found.filter(({ subject }) => existsSync(subject));
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
