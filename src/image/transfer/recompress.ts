/**
 * An image whose layers are packed otherwise. Each is unpacked and packed into a store on the way, so that its digest is known before a manifest
 * names it; what layers hold, and so the config, stays. Manifests and indexes become other documents, with all fields that they have.
 */
import type { ContentStore } from "../../content/index.ts";
import {
  type Descriptor,
  type Digest,
  digestOf,
  dockerMediaType,
  isNondistributableLayer,
  type LayerCompression,
  layerCompression,
  ociMediaType,
  parseManifestOrIndex,
} from "../../spec/index.ts";
import { decompress } from "../compression.ts";
import { writeLayer } from "../write-image.ts";
import { checked } from "./checked.ts";
import type { CollectedDocument, CollectedImage } from "./collect.ts";
import type { ImageSource } from "./place.ts";

/** Where blobs are read. */
export type BlobSource = Pick<ImageSource, "readBlob" | "blobFile">;

/** How layers shall be packed, and where they lie until they are copied. */
export interface Recompression {
  readonly to: LayerCompression;
  readonly store: ContentStore;
}

/** Whether any layer is packed otherwise than by `to`. */
export function isPackedAnew({ documents }: CollectedImage, to: LayerCompression): boolean {
  return documents.some(
    ({ document }) =>
      document.kind === "manifest" && document.manifest.layers.some((layer) => isPackedOtherwise(layer, to)),
  );
}

/** `image` with its layers packed as `to` says, and where its blobs are read; itself where nothing has to change. */
export async function recompressImage(
  image: CollectedImage,
  source: BlobSource,
  { to, store }: Recompression,
  signal?: AbortSignal,
): Promise<{ image: CollectedImage; source: BlobSource }> {
  const packed = new Map<Digest, Descriptor>();
  for (const { document } of image.documents)
    for (const layer of document.kind === "manifest" ? document.manifest.layers : [])
      if (!packed.has(layer.digest) && isPackedOtherwise(layer, to))
        packed.set(layer.digest, await pack(layer, source, { to, store }, signal));
  if (packed.size === 0) return { image, source };
  const documents = new Map<Digest, CollectedDocument>();
  for (const one of image.documents) documents.set(one.descriptor.digest, rewrite(one, packed, documents));
  const blobs = new Map(
    image.blobs.map((blob) => packed.get(blob.digest) ?? blob).map((one) => [one.digest, one]),
  );
  const root = documents.get(image.root.descriptor.digest) ?? image.root;
  return {
    image: { ...image, root, documents: [...documents.values()], blobs: [...blobs.values()] },
    source: {
      readBlob: (blob, stop) =>
        store.has(blob.digest) ? store.readStream(blob.digest) : source.readBlob(blob, stop),
    },
  };
}

function isPackedOtherwise({ mediaType }: Descriptor, to: LayerCompression): boolean {
  const from = layerCompression(mediaType);
  return from !== undefined && from !== to && !isNondistributableLayer(mediaType);
}

async function pack(
  layer: Descriptor,
  source: BlobSource,
  { to, store }: Recompression,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  const heard = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of checked(source.readBlob(layer, signal), layer)) {
      signal?.throwIfAborted();
      yield chunk;
    }
  };
  const { descriptor } = await writeLayer(store, decompress(heard()), to);
  const isDocker = ociMediaType(layer.mediaType) !== layer.mediaType;
  return isDocker
    ? { ...descriptor, mediaType: dockerMediaType(descriptor.mediaType) ?? descriptor.mediaType }
    : descriptor;
}

/** The document as it is, but for what it says of what has become another. */
function rewrite(
  one: CollectedDocument,
  packed: ReadonlyMap<Digest, Descriptor>,
  documents: ReadonlyMap<Digest, CollectedDocument>,
): CollectedDocument {
  const { document, descriptor } = one;
  const field = document.kind === "manifest" ? "layers" : "manifests";
  const before = document.kind === "manifest" ? document.manifest.layers : document.index.manifests;
  const after = before.map(({ digest }) => packed.get(digest) ?? documents.get(digest)?.descriptor);
  if (before.every(({ digest }, at) => (after[at]?.digest ?? digest) === digest)) return one;
  const raw = JSON.parse(Buffer.from(one.bytes).toString()) as Record<string, object[]>; // it was parsed and checked
  raw[field] = (raw[field] ?? []).map((entry, at) => {
    const now = after[at];
    if (now === undefined) return entry;
    const { mediaType, digest, size } = now;
    return { ...entry, mediaType, digest, size };
  });
  const bytes = Buffer.from(JSON.stringify(raw));
  return {
    descriptor: { ...descriptor, digest: digestOf(bytes), size: bytes.byteLength },
    bytes,
    document: parseManifestOrIndex(bytes, descriptor.mediaType),
  };
}
