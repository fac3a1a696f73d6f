/**
 * Image indexes made of images that are here, and annotations of what a name points at. Fields that we do not know stay, and the
 * entries that are not changed too. Source: image-spec image-index.md, annotations.md; crane index append.
 */
import {
  type AnnotationChange,
  annotateManifest,
  changeAnnotations,
  writeDocument,
} from "../../image/index.ts";
import {
  type Descriptor,
  encodePlatform,
  type ImageIndex,
  isDigest,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  type Manifest,
  mediaTypeKind,
  mediaTypes,
  normalizePlatform,
  ociMediaType,
  type Platform,
  parseImageConfig,
  parseManifestOrIndex,
  parsePlatform,
} from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { type EditedImage, nameFor, recordImage } from "./edit.ts";
import { NotAnIndex } from "./errors.ts";
import { findImage } from "./find.ts";

/** Makes an index of images and of the entries of indexes. @throws {InvalidOption} two would be for one platform */
export function createIndex(
  store: Store,
  names: readonly string[],
  options: { readonly tag: string; readonly annotations: AnnotationChange },
): EditedImage {
  using _lease = takeLease(store.database, `index ${options.tag}`);
  const reference = nameFor({ reference: options.tag }, options.tag);
  const annotations = changeAnnotations(undefined, options.annotations);
  const document = {
    ...{ schemaVersion: 2, mediaType: mediaTypes.index, manifests: together([], entriesOf(store, names)) },
    ...(annotations !== undefined && { annotations }),
  };
  return recordImage(store, reference, writeDocument(store.content, mediaTypes.index, document));
}

/** Adds images to an index; what is in it already is left as it is. @throws {NotAnIndex} @throws {InvalidOption} */
export function appendToIndex(
  store: Store,
  text: string,
  names: readonly string[],
  { tag }: { readonly tag: string | undefined },
): EditedImage {
  using _lease = takeLease(store.database, `index ${text}`);
  const { record, byID } = findImage(store, text);
  const reference = nameFor(record, tag, byID ? text : undefined);
  const index = readIndex(store, text, record);
  const manifests = together(index.manifests, entriesOf(store, names));
  return recordImage(
    store,
    reference,
    writeDocument(store.content, record.mediaType, { ...index, manifests }),
  );
}

/**
 * Sets and takes away annotations of the manifest or index that `text` names, or with `entry` (a digest, or a platform) of an entry of
 * that index: of its descriptor. @throws {InvalidOption} there is no such entry
 */
export function annotateImage(
  store: Store,
  text: string,
  change: AnnotationChange,
  { tag, entry }: { readonly tag: string | undefined; readonly entry: string | undefined },
): EditedImage {
  using _lease = takeLease(store.database, `annotate ${text}`);
  const { record, byID } = findImage(store, text);
  const reference = nameFor(record, tag, byID ? text : undefined);
  const { mediaType, digest, size } = record;
  const document = readDocument(store, record);
  if (document.kind === "manifest") {
    if (entry !== undefined) throw new NotAnIndex({ image: text });
    // The config is not read: artifacts have annotations too.
    const after = annotateManifest(store.content, { mediaType, digest, size }, document.manifest, change);
    return recordImage(store, reference, after);
  }
  const { index } = document;
  const manifests =
    entry === undefined
      ? index.manifests
      : index.manifests.map((one) => (isEntry(one, entry) ? annotated(one, change) : one));
  if (entry !== undefined && !index.manifests.some((one) => isEntry(one, entry)))
    throw new InvalidOption({ option: "--entry", value: entry }, `${text} has no entry ${entry}`);
  const after = { ...(entry === undefined ? annotated(index, change) : index), manifests };
  // Docker's lists of manifests have no annotations.
  const type = ociMediaType(mediaType);
  return recordImage(store, reference, writeDocument(store.content, type, { ...after, mediaType: type }));
}

function annotated<T extends { readonly annotations?: Descriptor["annotations"] }>(
  one: T,
  change: AnnotationChange,
): object {
  return { ...one, annotations: changeAnnotations(one.annotations, change) };
}

function isEntry({ digest, platform }: Descriptor, entry: string): boolean {
  if (isDigest(entry)) return digest === entry;
  return platform !== undefined && spelled(platform) === spelled(parsePlatform(entry));
}

function spelled(platform: Platform): string {
  return encodePlatform(normalizePlatform(platform));
}

function readDocument(
  store: Store,
  { digest, mediaType }: Pick<Descriptor, "digest" | "mediaType">,
): ReturnType<typeof parseManifestOrIndex> {
  return parseManifestOrIndex(store.content.readBytes(digest, MAX_MANIFEST_BYTES), mediaType);
}

function readIndex(store: Store, text: string, target: Pick<Descriptor, "digest" | "mediaType">): ImageIndex {
  const document = readDocument(store, target);
  if (document.kind !== "index") throw new NotAnIndex({ image: text });
  return document.index;
}

/** What each name stands for in an index: its own entries, or the image with its platform. */
function entriesOf(store: Store, names: readonly string[]): Descriptor[] {
  return names.flatMap((name) => {
    const { record } = findImage(store, name);
    const { mediaType, digest, size } = record;
    const document = readDocument(store, record);
    if (document.kind === "index") return [...document.index.manifests];
    const platform = platformOf(store, document.manifest);
    return [{ mediaType, digest, size, ...(platform && { platform }) }];
  });
}

function platformOf(store: Store, manifest: Manifest): Platform | undefined {
  // An artifact has none, and is found by its digest.
  if (mediaTypeKind(manifest.config.mediaType) !== "config") return undefined;
  const config = parseImageConfig(store.content.readBytes(manifest.config.digest, MAX_CONFIG_BYTES));
  const { os, architecture, variant, "os.version": version, "os.features": features } = config;
  return {
    ...{ architecture, os },
    ...(variant !== undefined && { variant }),
    ...(version !== undefined && { "os.version": version }),
    ...(features !== undefined && { "os.features": features }),
  };
}

/** All entries, each digest once. Of two for one platform nobody would ever find the second. */
function together(before: readonly Descriptor[], added: readonly Descriptor[]): Descriptor[] {
  const entries = new Map(before.map((entry) => [entry.digest, entry]));
  const platforms = new Set(before.map(platformKey));
  for (const entry of added) {
    if (entries.has(entry.digest)) continue;
    const key = platformKey(entry);
    if (key !== undefined && platforms.has(key))
      throw new InvalidOption(
        { option: "IMAGE", value: entry.digest },
        `Cannot make an index: it would have two images for ${key}, of which the second is never found`,
      );
    entries.set(entry.digest, entry);
    platforms.add(key);
  }
  return [...entries.values()];
}

/** Undefined: others may be like it. What is signed or attested is for `unknown/unknown` by convention. */
function platformKey({ platform }: Descriptor): string | undefined {
  if (platform === undefined || platform.os === "unknown") return undefined;
  const version = platform["os.version"];
  return version === undefined ? spelled(platform) : `${spelled(platform)} ${version}`;
}
