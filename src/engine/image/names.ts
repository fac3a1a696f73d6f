/**
 * The names of images change here: first the records, which count, then index.json of the content, by which skopeo, umoci and whatever else
 * reads OCI layouts finds the images. Who is killed in between leaves an index that the next change puts right.
 * Source: image-spec image-layout.md, index.json.
 */
import { hasCode } from "../../base/index.ts";
import { nameAnnotations } from "../../image/index.ts";
import { inTransaction } from "../store/database.ts";
import { imageNames } from "../store/images.ts";
import type { Store } from "../store/store.ts";

/** Runs `change`, which names images or takes names away, in one transaction, and lets others see it: on a full disk, after the next change. */
export function changeNames<T>(store: Store, change: () => T): T {
  const result = inTransaction(store.database, change);
  try {
    publishNames(store);
  } catch (error) {
    if (!hasCode(error, "storage-full")) throw error; // the change is made, and is told of as made
  }
  return result;
}

/** Writes the index. Under its lock the records are read: whoever comes last writes the newest. */
export function publishNames({ content, database }: Store): void {
  content.index.update(() =>
    imageNames(database).map(({ reference, mediaType, digest, size }) => ({
      ...{ mediaType, digest, size, annotations: nameAnnotations(reference) },
    })),
  );
}
