/**
 * Pulls an image: from a reference to content in the store, every byte of it verified.
 * What refers comes after what it refers to: a manifest is stored when its blobs are, an index when its manifest is.
 * Source: distribution-spec spec.md, Pull; image-spec image-index.md (platforms, nested indexes).
 */
import { forEachParallel } from "../../base/index.ts";
import { type ContentStore, isWhole } from "../../content/index.ts";
import {
  DEFAULT_TAG,
  type Descriptor,
  type Digest,
  encodePlatform,
  type ImageIndex,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type ManifestOrIndex,
  mediaTypeKind,
  type Platform,
  parseManifestOrIndex,
  type Reference,
  selectPlatform,
} from "../../spec/index.ts";
import { sizeMismatch } from "./blob-read.ts";
import type { RegistryClient } from "./client.ts";
import { BadRegistryAnswer, NoSuchPlatform } from "./errors.ts";
import { fetchBlob } from "./fetch-blob.ts";
import type { PullEvent } from "./progress.ts";

/** Where to and how. */
export interface PullOptions {
  readonly store: ContentStore;
  /** Which image of an index. */
  readonly platform: Platform;
  /** Asked, with the digests from the root to the image, before anything is kept; what it throws ends the pull. */
  readonly admit?: (digests: readonly Digest[]) => Promise<void>;
  readonly onProgress?: (event: PullEvent) => void;
  readonly signal?: AbortSignal;
}

/** What a reference names; after a pull the store holds it. */
export interface PulledImage {
  /** What the reference names: an index or the manifest itself. */
  readonly root: Descriptor;
  /** The image for the platform. */
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
}

interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly document: ManifestOrIndex;
}

const PARALLEL_BLOBS = 3;
/** An index in an index is rare, a third level unheard of; a circle is a hash collision, a long chain an attack. */
const MAX_DEPTH = 8;

/** Pulls what `reference` names. `client` is bound to its repository. */
export async function pullImage(
  client: RegistryClient,
  reference: Reference,
  options: PullOptions,
): Promise<PulledImage> {
  const { store, onProgress: tell = () => undefined, signal } = options;
  const { document, bytes, mediaType, digest, size } = await client.resolve(
    reference.digest ?? reference.tag ?? DEFAULT_TAG,
    signal,
  );
  const root: Document = { descriptor: { mediaType, digest, size }, bytes, document };
  const entries = document.kind === "index" ? document.index.manifests.length : undefined;
  tell({ kind: "resolved", descriptor: root.descriptor, entries });
  const chain = await walkToImage(client, root, options);
  const image = chain.at(-1);
  if (image?.document.kind !== "manifest") throw new Error("the walk ends at a manifest");
  const { manifest } = image.document;
  await options.admit?.(chain.map((one) => one.descriptor.digest));
  tell({ kind: "chosen", descriptor: image.descriptor, manifest });
  await forEachParallel(blobsOf(manifest), PARALLEL_BLOBS, signal, async (blob, either) => {
    await fetchBlob(client, store, blob, tell, either);
  });
  for (const one of chain.toReversed()) await keep(store, one);
  return { root: root.descriptor, descriptor: image.descriptor, manifest };
}

/**
 * Finds out what `reference` names for a platform, and keeps nothing: the blobs are read from the registry by whoever wants them.
 */
export async function resolveImage(
  client: RegistryClient,
  reference: Reference,
  options: Pick<PullOptions, "platform" | "signal">,
): Promise<PulledImage> {
  const target = reference.digest ?? reference.tag ?? DEFAULT_TAG;
  const { document, bytes, mediaType, digest, size } = await client.resolve(target, options.signal);
  const root: Document = { descriptor: { mediaType, digest, size }, bytes, document };
  const image = (await walkToImage(client, root, options)).at(-1);
  if (image?.document.kind !== "manifest") throw new Error("the walk ends at a manifest");
  return { root: root.descriptor, descriptor: image.descriptor, manifest: image.document.manifest };
}

/** From the root through indexes to the manifest for the platform. */
async function walkToImage(
  client: RegistryClient,
  root: Document,
  options: Pick<PullOptions, "platform" | "signal"> & Partial<Pick<PullOptions, "store">>,
): Promise<Document[]> {
  const chain = [root];
  for (let at = root; at.document.kind === "index"; ) {
    if (chain.length > MAX_DEPTH)
      throw new BadRegistryAnswer({
        registry: client.registry,
        operation: `pull manifest ${root.descriptor.digest}`,
        reason: `more than ${MAX_DEPTH} indexes lie one in another`,
      });
    const entry = choose(at.descriptor.digest, at.document.index, options.platform);
    at = await getDocument(client, options.store, entry, options.signal);
    chain.push(at);
  }
  return chain;
}

function choose(digest: Digest, index: ImageIndex, wanted: Platform): Descriptor {
  const entries = index.manifests.filter(({ mediaType }) => mediaTypeKind(mediaType) !== "other");
  const entry = selectPlatform(entries, wanted);
  if (entry !== undefined) return entry;
  const available = entries.flatMap(({ platform }) =>
    platform === undefined ? [] : [encodePlatform(platform)],
  );
  throw new NoSuchPlatform({ digest, wanted: encodePlatform(wanted), available });
}

/** A manifest or index by its descriptor: from the store, else from the registry; it must be what the descriptor says. */
async function getDocument(
  client: RegistryClient,
  store: ContentStore | undefined,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Document> {
  const bytes =
    store?.has(descriptor.digest) && (await isWhole(store, descriptor.digest))
      ? store.readBytes(descriptor.digest, MAX_MANIFEST_BYTES)
      : (await client.resolve(descriptor.digest, signal)).bytes;
  if (bytes.byteLength !== descriptor.size) throw sizeMismatch(descriptor, bytes.byteLength);
  return { descriptor, bytes, document: parseManifestOrIndex(bytes, descriptor.mediaType) };
}

/** Config and layers, each once. */
function blobsOf({ config, layers }: Manifest): Descriptor[] {
  return [...new Map([config, ...layers].map((blob) => [blob.digest, blob])).values()];
}

async function keep(store: ContentStore, { descriptor, bytes }: Document): Promise<void> {
  if (store.has(descriptor.digest) && (await isWhole(store, descriptor.digest))) return;
  using ingest = store.ingest({ expected: descriptor });
  ingest.write(bytes);
  await ingest.commitAsync();
}
