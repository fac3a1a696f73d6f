/**
 * What a manifest that refers to another one is in the list of that one's referrers.
 * Source: distribution-spec spec.md, Listing Referrers and Pushing Manifests with Subject.
 */
import type { Descriptor } from "./descriptor.ts";
import { type Digest, digestOf } from "./digest.ts";
import { parseManifestOrIndex } from "./image-index.ts";
import { mediaTypeKind } from "./media-type.ts";

/** A subject, and what its list says of the manifest. */
export interface Referrer {
  readonly subject: Digest;
  readonly descriptor: Descriptor;
}

/** Undefined: it has no subject. @throws {InvalidDocument} @throws {InvalidJSON} */
export function referrerOf(bytes: Uint8Array, mediaType: string): Referrer | undefined {
  // Most manifests have none, and need not be read again for that.
  if (mediaTypeKind(mediaType) === "other" || !Buffer.from(bytes).includes('"subject"')) return undefined;
  const document = parseManifestOrIndex(bytes, mediaType);
  const value = document.kind === "manifest" ? document.manifest : document.index;
  if (value.subject === undefined) return undefined;
  const { annotations } = value;
  const config = document.kind === "manifest" ? document.manifest.config.mediaType : undefined;
  const artifactType = value.artifactType ?? config;
  const descriptor = {
    mediaType,
    digest: digestOf(bytes),
    size: bytes.byteLength,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  };
  return { subject: value.subject.digest, descriptor };
}
