/** From a descriptor in the store to one platform's manifest and config. Source: image-spec image-index.md, manifest.md. */
import { TeuError } from "../base/index.ts";
import type { ContentStore } from "../content/index.ts";
import {
  type Descriptor,
  encodePlatform,
  type ImageConfig,
  type ImageIndex,
  isNondistributableLayer,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  type Manifest,
  mediaTypeKind,
  type Platform,
  parseImageConfig,
  parseManifestOrIndex,
  selectPlatform,
} from "../spec/index.ts";

/** One platform's image: what a container is made of. */
export interface Image {
  /** Of the manifest itself, also where it was reached through an index. */
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** No manifest of the index suits the platform. */
export class NoMatchingPlatform extends TeuError<
  "no-matching-platform",
  { wanted: string; available: string[] }
> {
  constructor(context: { wanted: string; available: string[] }) {
    const { wanted, available } = context;
    const has = available.length === 0 ? "none at all" : available.join(", ");
    super(
      "no-matching-platform",
      "not-found",
      context,
      `Cannot find an image for ${wanted}: the index has ${has}`,
    );
  }
}

/** What the descriptor leads to is no image that can run: an artifact, or documents that contradict each other. */
export class NotAnImage extends TeuError<"not-an-image", { digest: string; why: string }> {
  constructor(context: { digest: string; why: string }) {
    super("not-an-image", "invalid", context, `Cannot use ${context.digest} as an image: ${context.why}`);
  }
}

/** Indexes may hold indexes; no honest one goes deeper. */
export const MAX_INDEX_DEPTH = 8;

/**
 * Reads the image for `platform` below `descriptor`, an index or a manifest, whose documents are in the store.
 * @throws {BlobNotFound} @throws {NoMatchingPlatform} @throws {NotAnImage} @throws {InvalidDocument} @throws {InvalidJSON}
 */
export function readImage(store: ContentStore, descriptor: Descriptor, platform: Platform): Image {
  let at = descriptor;
  for (let depth = 0; depth < MAX_INDEX_DEPTH; depth++) {
    const document = parseManifestOrIndex(store.readBytes(at.digest, MAX_MANIFEST_BYTES), at.mediaType);
    if (document.kind === "manifest") return { descriptor: at, ...readConfig(store, at, document.manifest) };
    at = chooseEntry(document.index, platform);
  }
  throw new NotAnImage({
    digest: descriptor.digest,
    why: `its indexes are nested deeper than ${MAX_INDEX_DEPTH}`,
  });
}

/** The entry of `index` for `platform`: a manifest, or an index of more. @throws {NoMatchingPlatform} */
export function chooseEntry({ manifests }: ImageIndex, platform: Platform): Descriptor {
  const readable = manifests.filter(({ mediaType }) =>
    ["index", "manifest"].includes(mediaTypeKind(mediaType)),
  );
  const found = selectPlatform(readable, platform);
  if (found !== undefined) return found;
  const available = readable.flatMap((entry) =>
    entry.platform === undefined ? [] : [encodePlatform(entry.platform)],
  );
  throw new NoMatchingPlatform({ wanted: encodePlatform(platform), available });
}

function readConfig(
  store: ContentStore,
  descriptor: Descriptor,
  manifest: Manifest,
): { manifest: Manifest; config: ImageConfig } {
  requireImageConfig(descriptor, manifest);
  return imageOf(descriptor, manifest, store.readBytes(manifest.config.digest, MAX_CONFIG_BYTES));
}

/** What a manifest and the bytes of its config describe, if that is an image. @throws {NotAnImage} @throws {InvalidDocument} */
export function imageOf(descriptor: Descriptor, manifest: Manifest, bytes: Uint8Array): Image {
  const { digest } = descriptor;
  const config = parseImageConfig(bytes);
  const layers = manifest.layers.length;
  const diffIDs = config.rootfs.diff_ids.length;
  if (layers !== diffIDs)
    throw new NotAnImage({
      digest,
      why: `its manifest has ${layers} layers and its config ${diffIDs} diffIDs`,
    });
  const strange = manifest.layers.find(({ mediaType }) => mediaTypeKind(mediaType) !== "layer");
  if (strange !== undefined) throw new NotAnImage({ digest, why: `a layer is of type ${strange.mediaType}` });
  return { descriptor, manifest, config };
}

/** Refuses what has another config than images have: its bytes are not to be read as one. @throws {NotAnImage} */
export function requireImageConfig({ digest }: Descriptor, manifest: Manifest): void {
  if (mediaTypeKind(manifest.config.mediaType) !== "config")
    throw new NotAnImage({
      digest,
      why: `its config is of type ${manifest.config.mediaType}, which is no image's`,
    });
}

/** Whether what an image leads to need not be here. Of an index most platforms were never fetched; of a manifest that is here, everything was. */
export function isOptional(descriptor: Descriptor): boolean {
  return ["index", "manifest"].includes(mediaTypeKind(descriptor.mediaType)) || mayBeMissing(descriptor);
}

/** Whether a layer that is missing is no fault: it is fetched from elsewhere. */
export function mayBeMissing(descriptor: Descriptor): boolean {
  return isNondistributableLayer(descriptor.mediaType);
}
