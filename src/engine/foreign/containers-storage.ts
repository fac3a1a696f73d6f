/**
 * `containers-storage:[[DRIVER@GRAPHROOT+RUNROOT]]IMAGE`: an image of podman, buildah or CRI-O, read from their files under their lock.
 * They keep layers unpacked and not as they came: each is put together again, as its diffID says it was before it was packed. So the
 * config, which is the image's ID, is the same; a manifest that named packed layers names these instead, as podman does when it pushes.
 * Source: containers/storage images.go, layers.go, storage.conf(5); containers/image storage transport.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Unsupported } from "../../base/index.ts";
import { InvalidPlace, NoImageInPlace } from "../../image/index.ts";
import {
  type Descriptor,
  type Digest,
  digestOf,
  dockerMediaType,
  encodeReference,
  isDigest,
  mediaTypes,
  parseImageConfig,
  parseManifestOrIndex,
  parseReference,
} from "../../spec/index.ts";
import { tryShareFile } from "../../sys/index.ts";
import { Fields, readTOML } from "../registries/toml.ts";
import {
  type Environment,
  type ForeignImage,
  type ForeignPlace,
  type ForeignSource,
  ForeignStoreMissing,
  isName,
} from "./place.ts";
import { joinLayer } from "./tar-split.ts";

const CONFIGS = ["/etc/containers/storage.conf", "/usr/share/containers/storage.conf"];
const GRAPH_ROOT = "/var/lib/containers/storage";
/** Their writers hold the lock for as long as it takes to unpack a layer. */
const LOCK_PATIENCE_MS = 60_000;
const LOCK_PAUSE_MS = 20;

/** Where the unpacked files of layer `id` are, by driver. Others keep them in volumes of their own. */
const DIRECTORIES: Readonly<Record<string, (root: string, id: string) => string>> = {
  overlay: (root, id) => join(root, "overlay", id, "diff"),
  vfs: (root, id) => join(root, "vfs/dir", id),
};

interface Storage {
  readonly root: string;
  readonly driver: string;
}

/** What images.json says of one image. */
interface ImageEntry {
  readonly id: string;
  readonly digest?: string;
  readonly names?: readonly string[];
  readonly layer?: string;
}

/** What layers.json says of one layer. */
interface LayerEntry {
  readonly id: string;
  readonly parent?: string;
  readonly "diff-digest"?: string;
  readonly "diff-size"?: number;
}

/** The image that `place` means, by name, ID or digest. @throws {NoImageInPlace} @throws {ForeignStoreMissing} @throws {Unsupported} */
export function containersStorageSource(place: ForeignPlace, environment: Environment): ForeignSource {
  const storages = storagesOf(place, environment);
  const all = storages.flatMap((storage) => imagesOf(storage).map((image) => ({ storage, image })));
  for (const name of spellings(place.name)) {
    const found = all.find(({ image }) => image.names?.includes(name));
    if (found !== undefined) return sourceOf(found.storage, found.image, name);
  }
  const [chosen, ...more] = all.filter(({ image }) => isMeant(image, place.name));
  if (chosen === undefined || more.length > 0)
    throw new NoImageInPlace({
      place: `containers-storage:${place.name}`,
      available: all.flatMap(({ image }) => image.names ?? []),
    });
  return sourceOf(chosen.storage, chosen.image, place.name);
}

/** All images that have names. */
export function containersStorageImages(place: ForeignPlace, environment: Environment): ForeignImage[] {
  const images = storagesOf(place, environment).flatMap((storage) =>
    imagesOf(storage).flatMap((image) =>
      (image.names ?? [])
        .filter((name) => isName(name) && !name.includes("@"))
        .map((name) => ({ open: () => sourceOf(storage, image, name) })),
    ),
  );
  if (images.length === 0) throw new NoImageInPlace({ place: "containers-storage:", available: [] });
  return images;
}

/** As podman tries them: as it is written, of this machine, of docker's registry. */
function spellings(name: string): string[] {
  if (!isName(name)) return [name];
  const local = `localhost/${name}`;
  return [
    name,
    ...(isName(local) ? [encodeReference(parseReference(local))] : []),
    encodeReference(parseReference(name)),
  ];
}

function isMeant({ id, digest }: ImageEntry, text: string): boolean {
  const [, hex] = /^(?:@?sha256:)?([0-9a-f]{4,64})$/.exec(text) ?? [];
  return hex !== undefined && (id.startsWith(hex) || digest === `sha256:${hex}`);
}

/** The store that is asked for, or that of storage.conf and those that it adds, which are only read. */
function storagesOf({ store }: ForeignPlace, environment: Environment): Storage[] {
  if (store !== undefined) {
    const [, driver, root = ""] = /^(?:([a-z]+)@)?([^+]*)/.exec(store) ?? [];
    return [openStorage(root || GRAPH_ROOT, driver)];
  }
  const path = [environment["CONTAINERS_STORAGE_CONF"] ?? "", ...CONFIGS].find(
    (one) => one !== "" && existsSync(one),
  );
  const document = path === undefined ? undefined : readTOML(path);
  if (path === undefined || document === undefined) return [openStorage(GRAPH_ROOT, undefined)];
  const storage = new Fields(document["storage"] ?? {}, path, "storage.");
  const options = new Fields(storage.raw("options") ?? {}, path, "storage.options.");
  const driver = storage.string("driver");
  return [
    openStorage(storage.string("graphroot") ?? GRAPH_ROOT, driver),
    ...options.strings("additionalimagestores").map((root) => openStorage(root, driver)),
  ];
}

function openStorage(root: string, driver: string | undefined): Storage {
  const drivers = driver === undefined ? Object.keys(DIRECTORIES) : [driver];
  const found = drivers.find((one) => existsSync(join(root, `${one}-images/images.json`)));
  if (driver !== undefined && DIRECTORIES[driver] === undefined)
    throw new Unsupported(
      { what: `containers-storage: with driver ${driver}`, why: "only files of overlay and vfs are read" },
      { hint: "Let podman write it: podman save --format oci-archive -o FILE IMAGE; teu load -i FILE" },
    );
  if (found === undefined)
    throw new ForeignStoreMissing({
      place: "containers-storage:",
      path: join(root, `${driver ?? "overlay"}-images/images.json`),
      hint: "Where else it is: containers-storage:[overlay@FOLDER]IMAGE; of another user: that user's ~/.local/share/containers/storage",
    });
  return { root, driver: found };
}

/** These files are replaced as a whole: each is of one moment. */
function readList<T>(path: string): T[] {
  if (!existsSync(path)) return [];
  try {
    return (JSON.parse(readFileSync(path, "utf8")) ?? []) as T[]; // as containers/storage wrote it; what is used of it is checked
  } catch (error) {
    throw new InvalidPlace({ place: path, why: "it is no JSON" }, { cause: error });
  }
}

function imagesOf({ root, driver }: Storage): ImageEntry[] {
  return readList<ImageEntry>(join(root, `${driver}-images/images.json`));
}

function sourceOf(storage: Storage, image: ImageEntry, shown: string): ForeignSource {
  const name = `containers-storage:${shown}`;
  const stored = readData(storage, image, "manifest", name);
  const { manifest, mediaType } = manifestOf(stored, name);
  const config = readData(storage, image, manifest.config.digest, name);
  const layers = layersOf(storage, image, parseImageConfig(config).rootfs.diff_ids, name);
  const isDocker = mediaType !== mediaTypes.manifest;
  const plain = isDocker ? (dockerMediaType(mediaTypes.layer) ?? mediaTypes.layer) : mediaTypes.layer;
  // Debian 12's skopeo writes digests of plain layers, and leaves the type of packed ones.
  const isSame = manifest.layers.every(
    ({ digest, mediaType: type }, index) => digest === layers[index]?.digest && type === plain,
  );
  const bytes = isSame ? stored : withLayers(stored, plain, layers);
  const root = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  return {
    name,
    imageName: image.names?.includes(shown) ? shown : (image.names?.[0] ?? shown),
    root: async () => ({ descriptor: root, bytes }),
    readDocument: async () => bytes,
    async *readBlob(blob) {
      const layer = layers.find(({ digest }) => digest === blob.digest);
      if (layer === undefined) yield config;
      else yield* readLayer(storage, layer.id, name);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function manifestOf(bytes: Uint8Array, place: string) {
  const { mediaType, ...document } = parseManifestOrIndex(bytes);
  if (document.kind === "manifest") return { manifest: document.manifest, mediaType };
  throw new InvalidPlace({ place, why: "its manifest is an index" });
}

/** The same document, but for the layers. */
function withLayers(
  bytes: Uint8Array,
  mediaType: string,
  layers: readonly Pick<Descriptor, "digest" | "size">[],
): Uint8Array {
  const document: object = JSON.parse(new TextDecoder().decode(bytes)); // it was parsed before
  const plain = layers.map(({ digest, size }) => ({ mediaType, size, digest }));
  return Buffer.from(JSON.stringify({ ...document, layers: plain }));
}

/** The image's layers, bottom first, with the digests and sizes of their tars. */
function layersOf(
  { root, driver }: Storage,
  image: ImageEntry,
  diffIDs: readonly string[],
  place: string,
): { id: string; digest: Digest; size: number }[] {
  const folder = join(root, `${driver}-layers`);
  const byID = new Map(readList<LayerEntry>(join(folder, "layers.json")).map((layer) => [layer.id, layer]));
  const found: { id: string; digest: Digest; size: number }[] = [];
  for (let at = byID.get(image.layer ?? ""); at !== undefined; at = byID.get(at.parent ?? "")) {
    const { id, "diff-digest": digest, "diff-size": size } = at;
    if (digest === undefined || !isDigest(digest) || size === undefined || !/^[0-9a-f]{64}$/.test(id))
      throw new InvalidPlace({ place, why: `it is not told of layer ${id} what its tar was` });
    found.unshift({ id, digest, size });
    if (found.length > diffIDs.length) break;
  }
  const isSame =
    found.length === diffIDs.length && found.every(({ digest }, index) => digest === diffIDs[index]);
  if (!isSame) throw new InvalidPlace({ place, why: "its layers are not those that its config names" });
  return found;
}

async function* readLayer({ root, driver }: Storage, id: string, place: string): AsyncGenerator<Uint8Array> {
  const folder = join(root, `${driver}-layers`);
  const directory = DIRECTORIES[driver]?.(root, id) ?? "";
  using _lock = await share(join(folder, "layers.lock"), place);
  yield* joinLayer(id, join(folder, `${id}.tar-split.gz`), directory);
}

/** Nobody removes a layer meanwhile. A store on a medium that is only read has no lock. */
async function share(path: string, place: string): Promise<Disposable | undefined> {
  if (!existsSync(path)) return undefined;
  for (const until = Date.now() + LOCK_PATIENCE_MS; Date.now() < until; await Bun.sleep(LOCK_PAUSE_MS)) {
    const lock = tryShareFile(path);
    if (lock !== undefined) return lock;
  }
  throw new InvalidPlace({
    place,
    why: `somebody has written to it for ${LOCK_PATIENCE_MS / 1000} s (${path})`,
  });
}

/** What is kept with the image under `key`: its name is the key, or, where that is no plain name, base64 of it. */
function readData({ root, driver }: Storage, { id }: ImageEntry, key: string, place: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(id))
    throw new InvalidPlace({ place, why: `${JSON.stringify(id)} is no image's ID` });
  const name = /^[a-z0-9.]+$/.test(key) ? key : `=${Buffer.from(key).toString("base64")}`;
  const path = join(root, `${driver}-images`, id, name);
  if (!existsSync(path)) throw new InvalidPlace({ place, why: `its ${key} is not there (${path})` });
  return readFileSync(path);
}
