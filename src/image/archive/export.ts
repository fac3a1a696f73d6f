/**
 * Images of the store → an OCI archive: the layout of image-layout.md in one tar, reproducible, with the names by which
 * other tools find the images, and a manifest.json for docker, whose older versions read no layouts. Source: image-spec image-layout.md.
 */
import { BlobNotFound, type ContentStore, SizeMismatch, verified } from "../../content/index.ts";
import { type Descriptor, mediaTypes, type Platform } from "../../spec/index.ts";
import { isOptional } from "../read-image.ts";
import { END_OF_ARCHIVE, padding } from "../tar/writer.ts";
import { walkImage } from "../walk-image.ts";
import { dockerChoice, dockerEntry } from "./docker-entry.ts";
import { blobName, LAYOUT_FILE, memberHeader, smallMember } from "./member.ts";
import { nameAnnotations } from "./names.ts";

/** An image to write. */
export interface ExportedImage {
  readonly descriptor: Descriptor;
  /** Its whole reference; absent: it has none there. */
  readonly name?: string | undefined;
}

/**
 * Yields the archive in pieces: what is in the store of every image, each blob once and checked: an archive may be all that
 * stays of an image.
 * @param platform  Which image of an index docker is shown: it loads one.
 * @throws {DigestMismatch} @throws {SizeMismatch} a blob is damaged @throws {BlobNotFound} or missing
 */
export async function* exportArchive(
  store: ContentStore,
  images: readonly ExportedImage[],
  platform: Platform,
): AsyncGenerator<Uint8Array> {
  const blobs = new Map<string, Descriptor>();
  for (const { descriptor: root } of images)
    for (const { descriptor, isHere } of walkImage(store, root)) {
      if (isHere) blobs.set(descriptor.digest, descriptor);
      else if (descriptor === root || !isOptional(descriptor))
        throw new BlobNotFound({ digest: descriptor.digest });
    }
  yield* smallMember("oci-layout", LAYOUT_FILE);
  const manifests = images.map(({ descriptor, name }) => ({
    ...descriptor,
    ...(name !== undefined && { annotations: nameAnnotations(name) }),
  }));
  yield* smallMember(
    "index.json",
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })),
  );
  for (const digest of [...blobs.keys()].sort()) {
    const blob = blobs.get(digest);
    if (blob === undefined) continue;
    yield memberHeader(blobName(blob.digest), blob.size);
    const size = store.stat(blob.digest)?.size ?? 0;
    if (size !== blob.size) throw new SizeMismatch({ name: blob.digest, expected: blob.size, actual: size });
    yield* verified(store.readStream(blob.digest), blob.digest);
    yield padding(blob.size);
  }
  const entries = dockerEntries(store, images, platform);
  if (entries.length > 0) yield* smallMember("manifest.json", Buffer.from(JSON.stringify(entries)));
  yield END_OF_ARCHIVE;
}

/** One for each image, with all its names. */
function dockerEntries(
  store: ContentStore,
  images: readonly ExportedImage[],
  platform: Platform,
): readonly object[] {
  const roots = Map.groupBy(images, ({ descriptor }) => descriptor.digest);
  return [...roots.values()].flatMap((same) => {
    const manifest = dockerChoice(store, (same[0] as ExportedImage).descriptor, platform); // no group is empty
    return manifest === undefined
      ? []
      : [
          dockerEntry(
            manifest,
            same.flatMap(({ name }) => name ?? []),
          ),
        ];
  });
}
