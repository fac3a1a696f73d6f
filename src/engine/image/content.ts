/** Reads an image's documents from the store: index, manifest, config. Their digests are checked on the way. */
import {
  encodePlatform,
  type ImageConfig,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type Platform,
  parseImageConfig,
  parseManifestOrIndex,
  selectPlatform,
} from "../../spec/index.ts";
import type { ImageTarget } from "../store/containers.ts";
import type { Store } from "../store/store.ts";
import { IndexTooDeep, NoMatchingPlatform } from "./errors.ts";

/** What a reference points at: a manifest, or an index. */
export type Target = ImageTarget;

/** The documents of one image for one platform. */
export interface ImageDocuments {
  readonly target: Target;
  readonly manifestDescriptor: Target;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  /** How many platforms the target offers; 0 when it is a manifest itself. */
  readonly platforms: number;
}

/** A manifest in an index in an index has been seen; more has not. */
const MAX_DEPTH = 4;

/**
 * The documents of `target` for `platform`. A target that is a manifest is taken as it is, whatever it was built for.
 * @param name  What people call it, for messages.
 * @throws {NoMatchingPlatform} @throws {IndexTooDeep} @throws {BlobNotFound} a document is not here
 */
export function readImage(store: Store, target: Target, platform: Platform, name: string): ImageDocuments {
  let descriptor = target;
  let platforms = 0;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const bytes = store.content.readBytes(descriptor.digest, MAX_MANIFEST_BYTES);
    const document = parseManifestOrIndex(bytes, descriptor.mediaType);
    if (document.kind === "manifest") {
      const { manifest } = document;
      const config = parseImageConfig(store.content.readBytes(manifest.config.digest, MAX_CONFIG_BYTES));
      return { target, manifestDescriptor: descriptor, manifest, config, platforms };
    }
    const { manifests } = document.index;
    const chosen = selectPlatform(manifests, platform);
    const offered = manifests.map((entry) => entry.platform).filter((entry) => entry !== undefined);
    if (chosen === undefined) throw new NoMatchingPlatform(name, platform, offered);
    platforms = Math.max(platforms, new Set(offered.map(encodePlatform)).size);
    descriptor = chosen;
  }
  throw new IndexTooDeep({ reference: name });
}

/** Whether every blob of the image is here. */
export function isComplete(store: Store, { manifest }: ImageDocuments): boolean {
  return manifest.layers.every(({ digest }) => store.content.has(digest));
}
