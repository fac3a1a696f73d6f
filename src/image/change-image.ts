/**
 * An image → a changed one, in the store: what is not changed keeps its bytes, fields that we do not know stay, and docker's documents
 * stay docker's unless the change needs what those have not. Source: image-spec manifest.md, config.md.
 */
import type { ContentStore } from "../content/index.ts";
import {
  type Annotations,
  type Descriptor,
  dockerMediaType,
  dockerMediaTypes,
  type ImageConfig,
  type Manifest,
  mediaTypeKind,
  mediaTypes,
  ociMediaType,
} from "../spec/index.ts";
import type { Image } from "./read-image.ts";
import { type WrittenLayer, writeDocument } from "./write-image.ts";

/** What is to be another; absent: it stays. */
export interface ImageChange {
  /** All but the layers' diffIDs, which are known. */
  readonly config?: ImageConfig;
  /** All of them, bottom first. */
  readonly layers?: readonly WrittenLayer[];
  readonly annotations?: AnnotationChange;
}

/** Annotations to set, and the keys of those to take away. */
export interface AnnotationChange {
  readonly set: Annotations;
  readonly remove: readonly string[];
}

/** Stores the changed documents. @returns the manifest's descriptor; the image's own, if nothing changes */
export function changeImage(
  store: ContentStore,
  { descriptor, manifest, config }: Image,
  { annotations, ...change }: ImageChange,
): Descriptor {
  let after = manifest;
  if (change.config !== undefined || change.layers !== undefined) {
    const isDockers = (manifest.mediaType ?? descriptor.mediaType) === dockerMediaTypes.manifest;
    const layers = change.layers?.map((layer) => layer.descriptor) ?? manifest.layers;
    after = {
      ...manifest,
      config: changedConfig(store, manifest, config, change),
      layers: isDockers ? layers.map(asDockers) : layers,
    };
  }
  if (annotations !== undefined) return annotateManifest(store, descriptor, after, annotations);
  return after === manifest ? descriptor : writeManifest(store, descriptor, after);
}

/** Stores `manifest`, which `descriptor` may describe, with other annotations. Docker's have none, so it becomes the specification's. */
export function annotateManifest(
  store: ContentStore,
  descriptor: Descriptor,
  manifest: Manifest,
  change: AnnotationChange,
): Descriptor {
  const typed = (one: Descriptor): Descriptor => ({ ...one, mediaType: ociMediaType(one.mediaType) });
  const { annotations: before, ...rest } = manifest;
  const annotations = changeAnnotations(before, change);
  return writeManifest(
    store,
    { ...descriptor, mediaType: ociMediaType(descriptor.mediaType) },
    {
      ...rest,
      ...{ config: typed(manifest.config), layers: manifest.layers.map(typed) },
      ...(annotations !== undefined && { annotations }),
    },
  );
}

function writeManifest(store: ContentStore, { mediaType }: Descriptor, manifest: Manifest): Descriptor {
  const type =
    mediaTypeKind(mediaType) === "manifest" ? mediaType : (manifest.mediaType ?? mediaTypes.manifest);
  return writeDocument(store, type, { ...manifest, mediaType: type });
}

/** The annotations after the change; undefined for none: absent, as the specification wants it. */
export function changeAnnotations(
  before: Annotations | undefined,
  { set, remove }: AnnotationChange,
): Annotations | undefined {
  const gone = new Set(remove);
  const after = Object.entries({ ...before, ...set }).filter(([key]) => !gone.has(key));
  return after.length === 0 ? undefined : Object.fromEntries(after);
}

function changedConfig(
  store: ContentStore,
  manifest: Manifest,
  config: ImageConfig,
  change: ImageChange,
): Descriptor {
  if (change.config === undefined && change.layers === undefined) return manifest.config;
  const diffIDs = change.layers?.map(({ diffID }) => diffID) ?? config.rootfs.diff_ids;
  const rootfs = { ...config.rootfs, diff_ids: diffIDs };
  return writeDocument(store, manifest.config.mediaType, { ...(change.config ?? config), rootfs });
}

/** By docker's name, where it has one. */
function asDockers(layer: Descriptor): Descriptor {
  return { ...layer, mediaType: dockerMediaType(layer.mediaType) ?? layer.mediaType };
}
