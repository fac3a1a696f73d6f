/** Layers that lost bits on this disk: every further attempt would meet the same, so they go, and the next pull brings them anew. */
import { isTeuError, TeuError } from "../../base/index.ts";
import { isWhole } from "../../content/index.ts";
import type { Descriptor, Digest } from "../../spec/index.ts";
import type { Store } from "../store/store.ts";

/** The stored bytes of a layer are not those that came from the registry. */
export class BlobDamaged extends TeuError<"blob-damaged", { digest: Digest }> {
  constructor(context: { digest: Digest }, options: { cause: unknown }) {
    super(
      "blob-damaged",
      "data-loss",
      context,
      `Cannot unpack layer ${context.digest}: it was damaged on this disk, and is removed`,
      { ...options, hint: "Pull the image again, and look after the disk" },
    );
  }
}

/**
 * Looks after an attempt to unpack `layers` that ended with `error` whether one of them is damaged, and removes it.
 * @returns what to throw: {@link BlobDamaged}, or `error` where the bytes are as they came
 */
export async function orDamage(
  store: Store,
  layers: readonly Descriptor[],
  error: unknown,
): Promise<unknown> {
  if (!isTeuError(error) || !["data-loss", "invalid"].includes(error.kind)) return error;
  for (const { digest } of layers) {
    if (!store.content.has(digest) || (await isWhole(store.content, digest))) continue;
    store.content.delete(digest);
    return new BlobDamaged({ digest }, { cause: error });
  }
  return error;
}
