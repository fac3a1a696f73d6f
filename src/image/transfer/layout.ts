/**
 * `oci:FOLDER[:NAME]`: an OCI image layout. Its names are those of index.json, which changes last and under its lock.
 * Source: image-spec image-layout.md; skopeo's transport oci.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ContentStore, REF_NAME } from "../../content/index.ts";
import type { Descriptor } from "../../spec/index.ts";
import { byDigest } from "../archive/names.ts";
import { contentDestination, contentSource } from "./content-place.ts";
import { InvalidPlace } from "./errors.ts";
import { findImage, referrersAmong } from "./find-image.ts";
import type { ImageDestination, ImageSource } from "./place.ts";

/** A layout, and which of its images: a name or, to read, a digest. */
export interface LayoutPlace {
  readonly folder: string;
  readonly image: string | undefined;
}

/** Opens a layout that is there. @throws {InvalidPlace} @throws {NoImageInPlace} @throws {SeveralImagesInPlace} */
export function layoutSource({ folder, image }: LayoutPlace): ImageSource {
  const place = `oci:${folder}`;
  for (const part of ["oci-layout", "blobs"])
    if (!existsSync(join(folder, part))) throw new InvalidPlace({ place, why: `it has no ${part}` });
  const store = ContentStore.open(folder);
  const { manifests } = store.index.read();
  const name = image === undefined ? place : `${place}:${image}`;
  const root = findImage(place, byDigest(manifests), image);
  return contentSource(store, name, root, { referrers: referrersAmong(store, manifests) });
}

/** Opens a layout, which is made where there is nothing yet, when the first blob comes. */
export function layoutDestination({ folder, image }: LayoutPlace): ImageDestination {
  return contentDestination(image === undefined ? `oci:${folder}` : `oci:${folder}:${image}`, {
    open: () => ContentStore.open(folder),
    name: ({ index }, root, referrers) =>
      index.update((before) => {
        const entries = [...referrers, named(root, image)];
        return [...before.filter((old) => !entries.some((entry) => isReplaced(old, entry))), ...entries];
      }),
    keepsReferrers: true,
  });
}

/** The names of a layout's images, and for those without one their digests, `@DIGEST`; not what is there for another image. */
export function layoutImages(folder: string): string[] {
  const images = byDigest(ContentStore.open(folder).index.read().manifests);
  return images.flatMap(({ names, descriptor }) => {
    if (names.length > 0) return names;
    return descriptor.artifactType === undefined ? [`@${descriptor.digest}`] : [];
  });
}

/** What a name of a layout stands for, if it is there with its content. */
export function findInLayout(folder: string, name: string): Descriptor | undefined {
  if (!existsSync(join(folder, "index.json"))) return undefined;
  const store = ContentStore.open(folder);
  const found = store.index.find(name);
  return found !== undefined && store.has(found.digest) ? found : undefined;
}

function named({ annotations: _, ...root }: Descriptor, image: string | undefined): Descriptor {
  return image === undefined ? root : { ...root, annotations: { [REF_NAME]: image } };
}

/** A name means one image; what has no name stands there once. */
function isReplaced(old: Descriptor, entry: Descriptor): boolean {
  const name = entry.annotations?.[REF_NAME];
  if (old.annotations?.[REF_NAME] !== name) return false;
  return name !== undefined || old.digest === entry.digest;
}
