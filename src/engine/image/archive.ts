/** Images out of archives and into them. Names are recorded last, so that none ever points at less than everything. */
import { encodeReference, familiarReference, parseReference } from "../../spec/index.ts";
import { inTransaction } from "../store/database.ts";
import { findImage, putImage } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { NoSuchImage } from "./errors.ts";

/** Loads every image of an archive (OCI or docker, compressed or not). @returns what each is called now, or its digest */
export async function loadImages(
  store: Store,
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<string[]> {
  const { importArchive } = await import("../../image/index.ts");
  using _lease = takeLease(store.database, "load");
  const images = await importArchive(store.content, source, signal);
  // All names are parsed before the first is recorded.
  const named = images.map(({ descriptor, names }) => ({
    descriptor,
    references: names.map(parseReference),
  }));
  inTransaction(store.database, () => {
    for (const { descriptor, references } of named)
      for (const reference of references) {
        const { digest, mediaType, size } = descriptor;
        putImage(store.database, store.namespace, {
          reference: encodeReference(reference),
          digest,
          mediaType,
          size,
        });
      }
  });
  return named.flatMap(({ descriptor, references }) =>
    references.length === 0 ? [descriptor.digest] : references.map(familiarReference),
  );
}

/** The named images as an OCI archive, in pieces. @throws {NoSuchImage} before the first piece */
export async function saveImages(
  store: Store,
  names: readonly string[],
): Promise<AsyncGenerator<Uint8Array>> {
  const { exportArchive } = await import("../../image/index.ts");
  const images = names.map((text) => {
    const name = encodeReference(parseReference(text));
    const record = findImage(store.database, store.namespace, name);
    if (record === undefined) throw new NoSuchImage({ text });
    const { digest, mediaType, size } = record;
    return { descriptor: { digest, mediaType, size }, name };
  });
  return exportArchive(store.content, images);
}
