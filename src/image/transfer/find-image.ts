/** Which image of a place that may hold several is meant, and what refers to it there. */
import { hasCode } from "../../base/index.ts";
import type { ContentStore } from "../../content/index.ts";
import {
  type Descriptor,
  type Digest,
  encodeReference,
  MAX_MANIFEST_BYTES,
  mediaTypeKind,
  parseReference,
  referrerOf,
} from "../../spec/index.ts";
import type { ImportedImage } from "../archive/content.ts";
import { NoImageInPlace, SeveralImagesInPlace } from "./errors.ts";
import type { ImageSource } from "./place.ts";

/**
 * By name, as `@digest`, or as `@0` for the first one; without any of them it is the only one that is not there for another.
 * @throws {NoImageInPlace} @throws {SeveralImagesInPlace}
 */
export function findImage(
  place: string,
  images: readonly ImportedImage[],
  wanted: string | undefined,
): Descriptor {
  const available = images.flatMap(({ names, descriptor }) =>
    names.length > 0 ? names : [`@${descriptor.digest}`],
  );
  if (wanted !== undefined) {
    const found = byName(images, wanted);
    if (found === undefined) throw new NoImageInPlace({ place: `${place}:${wanted}`, available });
    return found.descriptor;
  }
  const subjects = images.filter(({ descriptor }) => descriptor.artifactType === undefined);
  const [first, ...more] = subjects.length > 0 ? subjects : images;
  if (first === undefined) throw new NoImageInPlace({ place, available });
  if (more.some(({ descriptor }) => descriptor.digest !== first.descriptor.digest))
    throw new SeveralImagesInPlace({ place, available });
  return first.descriptor;
}

/** Lists what refers to something among `entries`, whose content is in `store`. */
export function referrersAmong(
  store: ContentStore,
  entries: readonly Descriptor[],
): NonNullable<ImageSource["referrers"]> {
  let bySubject: ReadonlyMap<Digest, readonly { readonly descriptor: Descriptor }[]> | undefined;
  return async (subject) => {
    bySubject ??= Map.groupBy(
      entries.flatMap(({ digest, mediaType }) => {
        if (mediaTypeKind(mediaType) === "other" || !store.has(digest)) return [];
        return referrerOf(store.readBytes(digest, MAX_MANIFEST_BYTES), mediaType) ?? [];
      }),
      (referrer) => referrer.subject,
    );
    return (bySubject.get(subject) ?? []).map(({ descriptor }) => descriptor);
  };
}

function byName(images: readonly ImportedImage[], wanted: string): ImportedImage | undefined {
  if (/^@\d{1,6}$/.test(wanted)) return images[Number(wanted.slice(1))];
  if (wanted.startsWith("@")) return images.find(({ descriptor }) => `@${descriptor.digest}` === wanted);
  return (
    images.find(({ names }) => names.includes(wanted)) ??
    images.find(({ names }) => names.some((name) => isSameName(name, wanted)))
  );
}

/** `debian` and `docker.io/library/debian:latest` are one name. */
function isSameName(one: string, other: string): boolean {
  try {
    return encodeReference(parseReference(one)) === encodeReference(parseReference(other));
  } catch (error) {
    if (hasCode(error, "invalid-reference")) return false;
    throw error;
  }
}
