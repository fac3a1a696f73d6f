/**
 * An image in the other format's words: docker's manifest version 2 schema 2 is OCI's manifest with other media types and without
 * annotations. Blobs stay as they are; manifests and indexes become other documents, with other digests.
 */
import { Unsupported } from "../../base/index.ts";
import {
  type Descriptor,
  type Digest,
  digestOf,
  dockerMediaType,
  type ImageIndex,
  type Manifest,
  ociMediaType,
  parseManifestOrIndex,
} from "../../spec/index.ts";
import type { CollectedDocument, CollectedImage } from "./collect.ts";

/** Whose words. */
export type ImageFormat = "oci" | "docker";

/** `image` in the words of `format`; itself where nothing has to change. @throws {Unsupported} docker has no word for it */
export function convertImage(image: CollectedImage, format: ImageFormat): CollectedImage {
  const converted = new Map<Digest, CollectedDocument>();
  for (const one of image.documents) converted.set(one.descriptor.digest, convert(one, format, converted));
  const root = converted.get(image.root.descriptor.digest) ?? image.root;
  return { ...image, root, documents: [...converted.values()] };
}

/** The fields of a converted document, and whether any of them is another than before. */
interface Fields {
  readonly fields: object;
  readonly isChanged: boolean;
}

function convert(
  one: CollectedDocument,
  format: ImageFormat,
  converted: ReadonlyMap<Digest, CollectedDocument>,
): CollectedDocument {
  const { document, descriptor } = one;
  const rename = (type: string): string => renamed(type, format, descriptor.digest);
  const mediaType = rename(document.mediaType);
  const { fields, isChanged } =
    document.kind === "manifest"
      ? manifestFields(document.manifest, format, rename)
      : indexFields(document.index, format, rename, converted);
  if (!isChanged && mediaType === document.mediaType) return one;
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
  return {
    descriptor: { ...descriptor, mediaType, digest: digestOf(bytes), size: bytes.byteLength },
    bytes,
    document: parseManifestOrIndex(bytes, mediaType),
  };
}

function manifestFields(manifest: Manifest, format: ImageFormat, rename: (type: string) => string): Fields {
  const { config, layers, annotations, subject, artifactType } = manifest;
  const parts = {
    config: reworded(config, format, rename(config.mediaType)),
    layers: layers.map((layer) => reworded(layer, format, rename(layer.mediaType))),
  };
  const isChanged = [config, ...layers].some(({ mediaType }) => rename(mediaType) !== mediaType);
  if (format === "oci")
    return {
      isChanged,
      fields: { ...parts, ...(subject && { subject }), ...(annotations && { annotations }) },
    };
  if (subject !== undefined || artifactType !== undefined)
    throw new Unsupported({
      what: "--format docker of an artifact",
      why: "docker's manifests have no subject",
    });
  return { isChanged, fields: parts };
}

function indexFields(
  { manifests, annotations, subject }: ImageIndex,
  format: ImageFormat,
  rename: (type: string) => string,
  converted: ReadonlyMap<Digest, CollectedDocument>,
): Fields {
  const entries = manifests.map((entry) => {
    // What is no manifest stays, where the format has a word for it.
    const { digest, size, mediaType } = converted.get(entry.digest)?.descriptor ?? {
      ...entry,
      mediaType: rename(entry.mediaType),
    };
    return { ...reworded(entry, format, mediaType), digest, size };
  });
  const isChanged = manifests.some(({ digest }, at) => entries[at]?.digest !== digest);
  const more =
    format === "docker" ? {} : { ...(subject && { subject }), ...(annotations && { annotations }) };
  return { isChanged, fields: { manifests: entries, ...more } };
}

/** Docker's descriptors have fewer fields. */
function reworded(descriptor: Descriptor, format: ImageFormat, mediaType: string): Descriptor {
  if (format === "oci") return { ...descriptor, mediaType };
  const { digest, size, urls, platform } = descriptor;
  return { mediaType, digest, size, ...(urls && { urls }), ...(platform && { platform }) };
}

/** OCI takes whatever there is. */
function renamed(mediaType: string, format: ImageFormat, digest: Digest): string {
  const name = format === "oci" ? ociMediaType(mediaType) : dockerMediaType(mediaType);
  if (name !== undefined) return name;
  throw new Unsupported({ what: `--format docker of ${digest}`, why: `docker has no word for ${mediaType}` });
}
