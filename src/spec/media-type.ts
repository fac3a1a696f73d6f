/**
 * Media types of the image documents and their docker twins (manifest version 2, schema 2), and what each one is.
 * Source: image-spec media-types.md; docker's names as registries still serve them.
 */

/** The image specification's names. */
export const mediaTypes = {
  descriptor: "application/vnd.oci.descriptor.v1+json",
  layout: "application/vnd.oci.layout.header.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  nondistributableLayer: "application/vnd.oci.image.layer.nondistributable.v1.tar",
  nondistributableLayerGzip: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  nondistributableLayerZstd: "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
  empty: "application/vnd.oci.empty.v1+json",
} as const;

/** Docker's names for the same things. */
export const dockerMediaTypes = {
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar",
  layerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  layerZstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
  foreignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar",
  foreignLayerGzip: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
} as const;

/** What a document or blob of a media type is; `other` is stored and copied, never parsed. */
export type MediaTypeKind = "index" | "manifest" | "config" | "layer" | "other";

/** How a layer's bytes are packed, as its media type says; the bytes themselves may say otherwise. */
export type LayerCompression = "none" | "gzip" | "zstd";

interface Meaning {
  readonly kind: MediaTypeKind;
  readonly compression?: LayerCompression;
  readonly isDistributable?: false;
}

const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  [mediaTypes.index, { kind: "index" }],
  [dockerMediaTypes.index, { kind: "index" }],
  [mediaTypes.manifest, { kind: "manifest" }],
  [dockerMediaTypes.manifest, { kind: "manifest" }],
  [mediaTypes.config, { kind: "config" }],
  [dockerMediaTypes.config, { kind: "config" }],
  [mediaTypes.layer, { kind: "layer", compression: "none" }],
  [mediaTypes.layerGzip, { kind: "layer", compression: "gzip" }],
  [mediaTypes.layerZstd, { kind: "layer", compression: "zstd" }],
  [dockerMediaTypes.layer, { kind: "layer", compression: "none" }],
  [dockerMediaTypes.layerGzip, { kind: "layer", compression: "gzip" }],
  [dockerMediaTypes.layerZstd, { kind: "layer", compression: "zstd" }],
  [mediaTypes.nondistributableLayer, { kind: "layer", compression: "none", isDistributable: false }],
  [mediaTypes.nondistributableLayerGzip, { kind: "layer", compression: "gzip", isDistributable: false }],
  [mediaTypes.nondistributableLayerZstd, { kind: "layer", compression: "zstd", isDistributable: false }],
  [dockerMediaTypes.foreignLayer, { kind: "layer", compression: "none", isDistributable: false }],
  [dockerMediaTypes.foreignLayerGzip, { kind: "layer", compression: "gzip", isDistributable: false }],
]);

/** Docker's name and the image specification's for one thing. */
const TWINS: readonly (readonly [docker: string, oci: string])[] = [
  [dockerMediaTypes.index, mediaTypes.index],
  [dockerMediaTypes.manifest, mediaTypes.manifest],
  [dockerMediaTypes.config, mediaTypes.config],
  [dockerMediaTypes.layer, mediaTypes.layer],
  [dockerMediaTypes.layerGzip, mediaTypes.layerGzip],
  [dockerMediaTypes.layerZstd, mediaTypes.layerZstd],
  [dockerMediaTypes.foreignLayer, mediaTypes.nondistributableLayer],
  [dockerMediaTypes.foreignLayerGzip, mediaTypes.nondistributableLayerGzip],
];
const OCI_NAMES: ReadonlyMap<string, string> = new Map(TWINS);
const DOCKER_NAMES: ReadonlyMap<string, string> = new Map(
  TWINS.flatMap(([docker, oci]) => [[oci, docker] as const, [docker, docker] as const]),
);

/** The image specification's name for what docker calls `mediaType`; any other one is itself. */
export function ociMediaType(mediaType: string): string {
  return OCI_NAMES.get(mediaType) ?? mediaType;
}

/** Docker's name for `mediaType`, its own included; undefined where docker has none. */
export function dockerMediaType(mediaType: string): string | undefined {
  return DOCKER_NAMES.get(mediaType);
}

/** What `mediaType` names. */
export function mediaTypeKind(mediaType: string): MediaTypeKind {
  return MEANINGS.get(mediaType)?.kind ?? "other";
}

/** How a layer of this type is packed; undefined for what is no layer that we know. */
export function layerCompression(mediaType: string): LayerCompression | undefined {
  return MEANINGS.get(mediaType)?.compression;
}

/** Whether `mediaType` is one of the layers that are fetched from `urls` and never pushed. Deprecated, but must be read. */
export function isNondistributableLayer(mediaType: string): boolean {
  return MEANINGS.get(mediaType)?.isDistributable === false;
}

/** A Content-Type without its parameters, in lower case: `application/json; charset=utf-8` is `application/json`. */
export function withoutParameters(contentType: string): string {
  const semicolon = contentType.indexOf(";");
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}
