/** `teu rmi`: takes a name away, and what nothing refers to any more. Docker's rules. */
import { type Digest, familiarReference, parseReference } from "../../spec/index.ts";
import { listContainers } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { deleteImage, listImages } from "../store/images.ts";
import type { Store } from "../store/store.ts";
import { blobsOf } from "../system/df.ts";
import { type Collected, collectGarbage } from "./collect.ts";
import { ImageHasNames, ImageInUse } from "./errors.ts";
import { findImage } from "./find.ts";
import { publishNames } from "./names.ts";

/** What became of an image. */
export interface RemovedImage extends Collected {
  /** The names that it no longer has, as people write them. */
  readonly untagged: readonly string[];
}

/** Removes the image that `text` names. @throws {NoSuchImage} @throws {ImageInUse} @throws {ImageHasNames} */
export function removeImage(store: Store, text: string, options: { force: boolean }): RemovedImage {
  let own: ReadonlyMap<Digest, number> = new Map();
  const untagged = inTransaction(store.database, () => {
    const { record, byID } = findImage(store, text);
    own = blobsOf(store, record);
    const siblings = namesOf(store, record.digest);
    if (byID && siblings.length > 1 && !options.force)
      throw new ImageHasNames({ image: text, names: siblings });
    const names = byID ? siblings : [record.reference];
    const user = listContainers(store.database, store.namespace).find(
      ({ imageTarget, settings }) =>
        imageTarget.digest === record.digest ||
        settings.mounts?.some((mount) => mount.kind === "image" && mount.target.digest === record.digest),
    );
    // Another name keeps the image; a container needs one.
    if (user !== undefined && names.length === siblings.length && !options.force)
      throw new ImageInUse(
        { image: text, byID, digest: record.digest },
        { ...user, isRunning: user.phase === "running" },
      );
    for (const name of names) deleteImage(store.database, store.namespace, name);
    return names;
  });
  const names = untagged.map((name) => familiarReference(parseReference(name)));
  const collected = collectGarbage(store);
  // Last: a disk that is full has room for the index now.
  publishNames(store);
  // What others have left goes too, and is no news of this image.
  return { untagged: names, ...collected, blobs: collected.blobs.filter((digest) => own.has(digest)) };
}

/** Every name of the image with this digest. */
export function namesOf(store: Store, digest: Digest): string[] {
  return listImages(store.database, store.namespace)
    .filter((image) => image.digest === digest)
    .map(({ reference }) => reference);
}
