/** `store:NAME`, or a bare name: an image of this machine's store. */
import {
  contentDestination,
  contentSource,
  type ImageDestination,
  type ImageSource,
} from "../../image/index.ts";
import { encodeReference, familiarReference, parseReference } from "../../spec/index.ts";
import { findImage } from "../image/find.ts";
import { changeNames } from "../image/names.ts";
import { putImage } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";

/** Reads an image, by name or ID. What is read is not collected meanwhile. @throws {NoSuchImage} */
export function storeSource(store: Store, text: string): ImageSource {
  const lease = takeLease(store.database, `copy ${text}`);
  try {
    const { digest, mediaType, size } = findImage(store, text).record;
    const root = { digest, mediaType, size };
    return contentSource(store.content, `store:${text}`, root, {
      [Symbol.asyncDispose]: async () => lease[Symbol.dispose](),
    });
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
}

/** Writes an image, and calls it `text` and `names`. @throws {InvalidReference} */
export function storeDestination(store: Store, text: string, names: readonly string[]): ImageDestination {
  const references = [text, ...names].map(parseReference);
  const shown = references.slice(0, 1).map(familiarReference).join();
  const lease = takeLease(store.database, `copy to ${shown}`);
  const place = contentDestination(`store:${shown}`, {
    open: () => store.content,
    keepsReferrers: false,
    name: (_, { digest, mediaType, size }) =>
      changeNames(store, () => {
        for (const reference of references)
          putImage(
            store.database,
            store.namespace,
            { reference: encodeReference(reference), digest, mediaType, size },
            "pull",
          );
      }),
  });
  return {
    ...place,
    async [Symbol.asyncDispose]() {
      await place[Symbol.asyncDispose]();
      lease[Symbol.dispose]();
    },
  };
}
