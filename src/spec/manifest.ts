/**
 * Image manifests: one config and an ordered list of layers.
 * Source: image-spec manifest.md; docker's manifest version 2, schema 2 is the same document under other names.
 */
import { array, type Check, InvalidDocument, integer, object, optional } from "./check.ts";
import {
  type Annotations,
  annotationsCheck,
  type Descriptor,
  descriptorCheck,
  mediaTypeCheck,
} from "./descriptor.ts";
import { foreignFieldIssues, MAX_MANIFEST_BYTES, mediaTypeIssues, parseDocument } from "./document.ts";
import { mediaTypeKind, mediaTypes } from "./media-type.ts";

/**
 * An image manifest; a missing artifactType beside an empty config is tolerated, since refusing it would stop copies.
 * Whoever parsed it keeps the bytes: they are what the digest names.
 */
export interface Manifest {
  readonly schemaVersion: number;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  /** Bottom first. */
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

const descriptors = array(descriptorCheck);
/** An array of descriptors; `null` passes, which Go writes for an empty one. */
export const descriptorsCheck: Check<readonly Descriptor[]> = (value) =>
  value === null ? undefined : descriptors(value);

/** schemaVersion. */
export const schemaVersionCheck: Check<number> = (value) => (value === 2 ? undefined : integer(2, 2)(value));

const fields = object<Manifest>({
  schemaVersion: schemaVersionCheck,
  mediaType: optional(mediaTypeCheck),
  artifactType: optional(mediaTypeCheck),
  config: descriptorCheck,
  layers: descriptorsCheck,
  subject: optional(descriptorCheck),
  annotations: optional(annotationsCheck),
});

/**
 * Parses a manifest.
 * @param mediaType  What the descriptor or the Content-Type called it; the document may not say otherwise.
 * @throws {InvalidDocument} with every issue
 * @throws {InvalidJSON}
 */
export function parseManifest(source: Uint8Array | string, mediaType?: string): Manifest {
  return checkManifest(parseDocument(source, "manifest", MAX_MANIFEST_BYTES), mediaType);
}

/** What `parseManifest` does with JSON that is parsed already. */
export function checkManifest(value: unknown, mediaType?: string): Manifest {
  const issues = [
    ...(fields(value) ?? []),
    ...foreignFieldIssues(value, ["manifests", "fsLayers"], "a manifest"),
  ];
  const found = (value as Partial<Manifest> | null)?.mediaType;
  if (typeof found === "string") {
    const misnamed = mediaTypeKind(found) === "index" ? mediaTypes.manifest : undefined;
    issues.push(...mediaTypeIssues(found, mediaType ?? misnamed));
  }
  if (issues.length > 0) throw new InvalidDocument({ name: "manifest", issues });
  const manifest = value as Manifest; // just checked
  return { ...manifest, layers: manifest.layers ?? [] };
}
