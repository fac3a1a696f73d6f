/** Finds images by what people write: a reference, an ID, the beginning of an ID. */
import { hasCode } from "../../base/index.ts";
import { type Digest, digestEncoded, encodeReference, parseReference } from "../../spec/index.ts";
import { findImage as findRecord, type ImageRecord, listImages } from "../store/images.ts";
import type { Store } from "../store/store.ts";
import { AmbiguousImageID, NoSuchImage } from "./errors.ts";

/** One image, and whether it was found by an ID rather than by one of its names. */
export interface FoundImage {
  readonly record: ImageRecord;
  readonly byID: boolean;
}

/** The image that `text` means: a name goes before an ID. @throws {NoSuchImage} @throws {AmbiguousImageID} */
export function findImage(store: Store, text: string): FoundImage {
  const record = findByName(store, text);
  if (record !== undefined) return { record, byID: false };
  const digits = text.replace(/^sha256:/, "");
  const found = /^[0-9a-f]{2,64}$/.test(digits)
    ? listImages(store.database, store.namespace).filter(({ digest }) => hasPrefix(digest, digits))
    : [];
  const [first] = found;
  if (first === undefined) throw new NoSuchImage({ text });
  const count = new Set(found.map(({ digest }) => digest)).size;
  if (count > 1) throw new AmbiguousImageID({ text, count });
  return { record: first, byID: true };
}

/** The record that goes by the name `text`. A text that is no reference names nothing. */
export function findByName(store: Store, text: string): ImageRecord | undefined {
  try {
    const reference = parseReference(text);
    const record = findRecord(store.database, store.namespace, encodeReference(reference));
    if (record !== undefined || reference.digest === undefined) return record;
    // By digest, whatever tag it was pulled under.
    const repository = encodeReference({ ...reference, tag: undefined, digest: undefined });
    return listImages(store.database, store.namespace).find(
      ({ reference: name, digest }) =>
        digest === reference.digest &&
        (name.startsWith(`${repository}:`) || name.startsWith(`${repository}@`)),
    );
  } catch (error) {
    if (hasCode(error, "invalid-reference")) return undefined;
    throw error;
  }
}

function hasPrefix(digest: Digest, digits: string): boolean {
  return digestEncoded(digest).startsWith(digits);
}
