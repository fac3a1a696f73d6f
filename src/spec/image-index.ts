/**
 * Image indexes: manifests for several platforms, or whatever else belongs together.
 * Source: image-spec image-index.md; docker's manifest list is the same document under another name.
 */
import { InvalidDocument, object, optional } from "./check.ts";
import {
  type Annotations,
  annotationsCheck,
  type Descriptor,
  descriptorCheck,
  mediaTypeCheck,
} from "./descriptor.ts";
import { foreignFieldIssues, MAX_MANIFEST_BYTES, mediaTypeIssues, parseDocument } from "./document.ts";
import { checkManifest, descriptorsCheck, type Manifest, schemaVersionCheck } from "./manifest.ts";
import { mediaTypeKind, mediaTypes } from "./media-type.ts";

/** An image index. Whoever parsed it keeps the bytes: they are what the digest names. */
export interface ImageIndex {
  readonly schemaVersion: number;
  readonly mediaType?: string;
  readonly artifactType?: string;
  /** May be empty; may hold indexes and types that we do not know. */
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

const fields = object<ImageIndex>({
  schemaVersion: schemaVersionCheck,
  mediaType: optional(mediaTypeCheck),
  artifactType: optional(mediaTypeCheck),
  manifests: descriptorsCheck,
  subject: optional(descriptorCheck),
  annotations: optional(annotationsCheck),
});

/**
 * Parses an index.
 * @param mediaType  What the descriptor or the Content-Type called it; the document may not say otherwise.
 * @throws {InvalidDocument} with every issue
 * @throws {InvalidJSON}
 */
export function parseImageIndex(source: Uint8Array | string, mediaType?: string): ImageIndex {
  return checkImageIndex(parseDocument(source, "index", MAX_MANIFEST_BYTES), mediaType);
}

function checkImageIndex(value: unknown, mediaType?: string): ImageIndex {
  const foreign = foreignFieldIssues(value, ["config", "layers", "fsLayers"], "an index");
  const issues = [...(fields(value) ?? []), ...foreign];
  const found = (value as Partial<ImageIndex> | null)?.mediaType;
  if (typeof found === "string") {
    const misnamed = mediaTypeKind(found) === "manifest" ? mediaTypes.index : undefined;
    issues.push(...mediaTypeIssues(found, mediaType ?? misnamed));
  }
  if (issues.length > 0) throw new InvalidDocument({ name: "index", issues });
  const index = value as ImageIndex; // just checked
  return { ...index, manifests: index.manifests ?? [] };
}

/** A manifest or an index: what a reference may resolve to. */
export type ManifestOrIndex =
  | { readonly kind: "manifest"; readonly mediaType: string; readonly manifest: Manifest }
  | { readonly kind: "index"; readonly mediaType: string; readonly index: ImageIndex };

/**
 * Parses what may be either: `mediaType` decides, then the document's own field, then which list it has.
 * @throws {InvalidDocument} also when the document could be read as both
 * @throws {InvalidJSON}
 */
export function parseManifestOrIndex(source: Uint8Array | string, mediaType?: string): ManifestOrIndex {
  const value = parseDocument(source, "manifest", MAX_MANIFEST_BYTES);
  const expected = mediaType !== undefined && mediaTypeKind(mediaType) !== "other" ? mediaType : undefined;
  const { mediaType: own, manifests } = (value ?? {}) as Record<string, unknown>;
  const said = expected ?? (typeof own === "string" ? own : undefined);
  const isIndex = said === undefined ? manifests != null : mediaTypeKind(said) === "index";
  if (isIndex) {
    return { kind: "index", mediaType: said ?? mediaTypes.index, index: checkImageIndex(value, expected) };
  }
  return {
    kind: "manifest",
    mediaType: said ?? mediaTypes.manifest,
    manifest: checkManifest(value, expected),
  };
}
