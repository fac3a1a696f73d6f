/** Reads an image's documents from the store, and what its name points at. */
import { type Image, readImage as readFromContent, type WrittenLayer } from "../../image/index.ts";
import { MAX_MANIFEST_BYTES, type Platform, parseManifestOrIndex } from "../../spec/index.ts";
import type { ImageTarget } from "../store/containers.ts";
import type { Store } from "../store/store.ts";

/** What a reference points at: a manifest, or an index. */
export type Target = ImageTarget;

/** The documents of one image for one platform. */
export interface ImageDocuments extends Image {
  readonly target: Target;
  /** How many entries the target offers; 0 when it is a manifest itself. */
  readonly platforms: number;
}

/**
 * The documents of `target` for `platform`. A target that is a manifest is taken as it is, whatever it was built for.
 * @throws {NoMatchingPlatform} @throws {NotAnImage} @throws {BlobNotFound} a document is not here
 */
export function readImage(store: Store, target: Target, platform: Platform): ImageDocuments {
  const image = readFromContent(store.content, target, platform);
  if (image.descriptor.digest === target.digest) return { ...image, target, platforms: 0 };
  const bytes = store.content.readBytes(target.digest, MAX_MANIFEST_BYTES);
  const document = parseManifestOrIndex(bytes, target.mediaType);
  const platforms = document.kind === "index" ? document.index.manifests.length : 0;
  return { ...image, target, platforms };
}

/** Whether every blob of the image is here. */
export function isComplete(store: Store, { manifest }: ImageDocuments): boolean {
  return manifest.layers.every(({ digest }) => store.content.has(digest));
}

/** The layers, each with the diffID that the config has for it. */
export function layersOf({ manifest, config }: Pick<Image, "manifest" | "config">): WrittenLayer[] {
  return manifest.layers.flatMap((descriptor, number) => {
    const diffID = config.rootfs.diff_ids[number];
    return diffID === undefined ? [] : [{ descriptor, diffID }];
  });
}
