/** Whether images are what their documents say: every digest, size, media type, diffID and reference, of one or of the whole store. */
import { isWhole } from "../../content/index.ts";
import { type ImageProblem, validateImage, walkImage } from "../../image/index.ts";
import {
  digestAlgorithm,
  familiarReference,
  isSupportedAlgorithm,
  parseReference,
} from "../../spec/index.ts";
import { abortOnSignal } from "../run/signals.ts";
import { type ImageRecord, listImages } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { findImage } from "./find.ts";

/** One thing that is wrong. */
export interface StoredProblem extends ImageProblem {
  /** Absent for content that no image leads to. */
  readonly image?: string;
}

/** Reads every byte of the images, and yields what is wrong with them. @param names  Absent: all, and all other content */
export async function* verifyImages(
  store: Store,
  names: readonly string[] | undefined,
): AsyncGenerator<StoredProblem> {
  using interrupt = abortOnSignal();
  using _lease = takeLease(store.database, "verify");
  const records =
    names?.map((name) => findImage(store, name).record) ?? listImages(store.database, store.namespace);
  const seen = new Set<string>();
  for (const record of records) {
    const image = familiarReference(parseReference(record.reference));
    for (const problem of await validateImage(store.content, rootOf(record), interrupt.signal))
      yield { image, ...problem };
    if (names === undefined) note(store, record, seen);
  }
  if (names !== undefined) return;
  for (const digest of store.content.digests()) {
    interrupt.signal.throwIfAborted();
    if (seen.has(digest) || !isSupportedAlgorithm(digestAlgorithm(digest))) continue;
    if (!(await isWhole(store.content, digest)))
      yield { digest, problem: "its content hashes to something else, and no image leads to it" };
  }
}

function rootOf({ mediaType, digest, size }: ImageRecord): Parameters<typeof validateImage>[1] {
  return { mediaType, digest, size };
}

/** What an image leads to has been looked at with it. */
function note(store: Store, record: ImageRecord, seen: Set<string>): void {
  try {
    for (const { descriptor } of walkImage(store.content, rootOf(record))) seen.add(descriptor.digest);
  } catch {
    // A document that cannot be read has been told of.
  }
}
