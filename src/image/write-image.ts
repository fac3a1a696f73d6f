/** Makes images: layers, configs and manifests written to the store. */
import type { ContentStore } from "../content/index.ts";
import {
  type Descriptor,
  type DiffID,
  encodeJSON,
  hasherFor,
  type ImageConfig,
  type LayerCompression,
  mediaTypes,
} from "../spec/index.ts";
import { type ByteSource, compressor, decompress, detectCompression, peek } from "./compression.ts";
import { parseLayerName } from "./layer-name.ts";
import { TarReader } from "./tar/reader.ts";

/** A layer that is in the store. */
export interface WrittenLayer {
  readonly descriptor: Descriptor;
  readonly diffID: DiffID;
}

const LAYER_TYPES: Readonly<Record<LayerCompression, string>> = {
  none: mediaTypes.layer,
  gzip: mediaTypes.layerGzip,
  zstd: mediaTypes.layerZstd,
};

/** Stores the tar that comes in pieces (from `packLayer`, say), compressed on the way. */
export async function writeLayer(
  store: ContentStore,
  tar: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  compression: LayerCompression,
): Promise<WrittenLayer> {
  const hash = hasherFor("sha256");
  using ingest = store.ingest();
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of tar) {
      hash.update(chunk);
      // Its maker uses the piece again, and zlib reads it later.
      yield compression === "none" ? chunk : Buffer.from(chunk);
    }
  };
  const written = async (source: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of source) ingest.write(chunk);
  };
  if (compression === "none") await written(hashed());
  else {
    const [{ Readable }, { pipeline }] = [await import("node:stream"), await import("node:stream/promises")];
    await pipeline(Readable.from(hashed(), { highWaterMark: 1 }), compressor(compression), written);
  }
  const { digest, size } = ingest.commit();
  const diffID = `sha256:${hash.digest("hex")}` as DiffID;
  return { descriptor: { mediaType: LAYER_TYPES[compression], digest, size }, diffID };
}

/**
 * Stores a layer that somebody else made: what is compressed as it is, a plain tar by gzip. It is read to its end, so that what is
 * stored is a layer. @throws {InvalidArchive} @throws {InvalidCompression}
 */
export async function importLayer(
  store: ContentStore,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<WrittenLayer> {
  const { head, rest } = await peek(source[Symbol.asyncIterator]());
  const compression = detectCompression(head);
  const reader = new TarReader({
    entry: ({ name }) => void parseLayerName(name),
    data: nothing,
    entryEnd: nothing,
  });
  const read = async function* (chunks: ByteSource): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      reader.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      yield chunk;
    }
    reader.end();
  };
  if (compression === "none") return await writeLayer(store, read(rest), "gzip");
  using ingest = store.ingest();
  const kept = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of rest) {
      ingest.write(chunk);
      yield chunk;
    }
  };
  const hash = hasherFor("sha256");
  for await (const chunk of read(decompress(kept()))) hash.update(chunk);
  const { digest, size } = ingest.commit();
  const diffID = `sha256:${hash.digest("hex")}` as DiffID;
  return { descriptor: { mediaType: LAYER_TYPES[compression], digest, size }, diffID };
}

const nothing = (): void => undefined;

/** Stores `value` as JSON: what we make ourselves is serialised once, here. */
export function writeDocument(store: ContentStore, mediaType: string, value: object): Descriptor {
  return { mediaType, ...writeBytes(store, Buffer.from(encodeJSON(value))) };
}

/** Stores bytes as they are. */
export function writeBytes(store: ContentStore, bytes: Uint8Array): Pick<Descriptor, "digest" | "size"> {
  using ingest = store.ingest();
  ingest.write(bytes);
  return ingest.commit();
}

/** What an image is made of. */
export interface ImageParts {
  /** Bottom first. */
  readonly layers: readonly WrittenLayer[];
  /** All but the layers' diffIDs, which are known. */
  readonly config: Omit<ImageConfig, "rootfs">;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Stores config and manifest of an image whose layers are in the store. @returns the manifest's descriptor */
export function writeImage(store: ContentStore, { layers, config, annotations }: ImageParts): Descriptor {
  const rootfs = { type: "layers", diff_ids: layers.map(({ diffID }) => diffID) };
  return writeDocument(store, mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: writeDocument(store, mediaTypes.config, { ...config, rootfs }),
    layers: layers.map(({ descriptor }) => descriptor),
    ...(annotations === undefined ? {} : { annotations }),
  });
}
