/** Checks an image in the store as a whole: every digest, size, type and diffID. Source: image-spec, all documents. */
import { messageOf } from "../base/index.ts";
import type { ContentStore } from "../content/index.ts";
import {
  type Descriptor,
  type DiffID,
  digestAlgorithm,
  hasherFor,
  isSupportedAlgorithm,
  layerCompression,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  type Manifest,
  mediaTypeKind,
  parseImageConfig,
  parseManifestOrIndex,
} from "../spec/index.ts";
import { type ByteSource, decompress, detectCompression } from "./compression.ts";
import { isOptional } from "./read-image.ts";
import { TarReader } from "./tar/reader.ts";
import { walkImage } from "./walk-image.ts";

/** One thing that is wrong. */
export interface ImageProblem {
  readonly digest: string;
  readonly problem: string;
}

/**
 * Everything that is wrong with the image below `descriptor`; nothing, if all is right: an index may name manifests that are not here. Reads every byte of it: layers are
 * hashed as stored and unpacked, and their archives read to the end.
 */
export async function validateImage(
  store: ContentStore,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<ImageProblem[]> {
  const problems: ImageProblem[] = [];
  const report = ({ digest }: Descriptor, problem: string): number => problems.push({ digest, problem });
  // A layer is wanted with its manifest, before its turn comes.
  const known = new Map<string, Promise<string | undefined>>();
  const problemOf: BlobCheck = (at) => {
    const problem = known.get(at.digest) ?? blobProblem(store, at);
    known.set(at.digest, problem);
    return problem;
  };
  try {
    for (const { descriptor: at, isHere } of walkImage(store, descriptor)) {
      signal?.throwIfAborted();
      if (!isHere) {
        if (at === descriptor || !isOptional(at)) report(at, "it is not in the store");
        continue;
      }
      const problem = await problemOf(at);
      if (problem !== undefined) report(at, problem);
      else if (mediaTypeKind(at.mediaType) === "manifest")
        for (const found of await manifestProblems(store, at, problemOf, signal)) problems.push(found);
    }
  } catch (error) {
    signal?.throwIfAborted();
    report(descriptor, messageOf(error));
  }
  return problems;
}

/** What is wrong with the stored bytes of a blob. */
type BlobCheck = (descriptor: Descriptor) => Promise<string | undefined>;

async function blobProblem(store: ContentStore, { digest, size }: Descriptor): Promise<string | undefined> {
  const found = store.stat(digest)?.size;
  if (found !== size) return `it has ${found} bytes, its descriptor says ${size}`;
  const algorithm = digestAlgorithm(digest);
  if (!isSupportedAlgorithm(algorithm)) return undefined;
  const hash = hasherFor(algorithm);
  for await (const chunk of store.readStream(digest)) hash.update(chunk);
  const actual = `${algorithm}:${hash.digest("hex")}`;
  return actual === digest ? undefined : `its content hashes to ${actual}`;
}

async function manifestProblems(
  store: ContentStore,
  at: Descriptor,
  problemOf: BlobCheck,
  signal?: AbortSignal,
): Promise<ImageProblem[]> {
  const document = parseManifestOrIndex(store.readBytes(at.digest, MAX_MANIFEST_BYTES), at.mediaType);
  if (document.kind === "index" || mediaTypeKind(document.manifest.config.mediaType) !== "config") return [];
  const { manifest } = document;
  if (!store.has(manifest.config.digest)) return []; // reported where it is walked
  const config = parseImageConfig(store.readBytes(manifest.config.digest, MAX_CONFIG_BYTES));
  const diffIDs = config.rootfs.diff_ids;
  const problems: ImageProblem[] = [];
  const report = (digest: string, problem: string): number => problems.push({ digest, problem });
  if (diffIDs.length !== manifest.layers.length)
    report(at.digest, `it has ${manifest.layers.length} layers, its config ${diffIDs.length} diffIDs`);
  const kept = config.history?.filter(({ empty_layer: isEmpty }) => isEmpty !== true).length;
  if (kept !== undefined && kept > 0 && kept !== diffIDs.length)
    report(manifest.config.digest, `its history tells of ${kept} layers, it has ${diffIDs.length} diffIDs`);
  for (const problem of await layerProblems(store, manifest, diffIDs, problemOf, signal))
    problems.push(problem);
  return problems;
}

async function layerProblems(
  store: ContentStore,
  { layers }: Manifest,
  diffIDs: readonly DiffID[],
  problemOf: BlobCheck,
  signal?: AbortSignal,
): Promise<ImageProblem[]> {
  const problems: ImageProblem[] = [];
  for (const [index, layer] of layers.entries()) {
    signal?.throwIfAborted();
    // What is not as it was stored is told of by itself.
    if (!store.has(layer.digest) || (await problemOf(layer)) !== undefined) continue;
    const problem = await layerProblem(store, layer, diffIDs[index]).catch(messageOf);
    if (problem !== undefined) problems.push({ digest: layer.digest, problem });
  }
  return problems;
}

async function layerProblem(
  store: ContentStore,
  layer: Descriptor,
  diffID: DiffID | undefined,
): Promise<string | undefined> {
  const said = layerCompression(layer.mediaType);
  if (said === undefined) return `it is of type ${layer.mediaType}, which is no layer`;
  const head = new Uint8Array(await new Response(store.readStream(layer.digest, { end: 4 })).arrayBuffer());
  const actual = detectCompression(head);
  if (actual !== said) return `its type says ${said}, it is ${actual}`;
  const algorithm = diffID === undefined ? "sha256" : digestAlgorithm(diffID);
  if (!isSupportedAlgorithm(algorithm)) return undefined;
  const found = await readLayer(store.readStream(layer.digest), algorithm);
  return diffID === undefined || found === diffID
    ? undefined
    : `it unpacks to ${found}, the config says ${diffID}`;
}

/** Reads the archive to its end. @returns its diffID */
async function readLayer(source: ByteSource, algorithm: "sha256" | "sha512"): Promise<string> {
  const nothing = (): void => undefined;
  const reader = new TarReader({ entry: nothing, data: nothing, entryEnd: nothing });
  const hash = hasherFor(algorithm);
  for await (const chunk of decompress(source)) {
    hash.update(chunk);
    reader.write(chunk);
  }
  reader.end();
  return `${algorithm}:${hash.digest("hex")}`;
}
