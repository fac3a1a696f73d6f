/** An image → one directory that holds its root file system, for bundles that any runtime can run. */
import { mkdirSync, utimesSync } from "node:fs";
import { blobChunks, type ContentStore } from "../content/index.ts";
import { type AppliedLayer, type ApplyOptions, applyLayer } from "./apply-layer.ts";
import type { Image } from "./read-image.ts";

/** How an image is unpacked, and who wants to know how far it is. */
export interface UnpackOptions extends Pick<ApplyOptions, "files" | "limits" | "ownership"> {
  /** Called after each layer, bottom first. */
  readonly unpacked?: (layer: AppliedLayer, index: number) => void;
}

/**
 * Unpacks `image`, whose layers are in the store, to the directory `target`, which is made where it is missing; each layer's
 * diffID is checked. On disk when this returns. After an error `target` holds a part: the caller removes it.
 * @throws what `applyLayer` throws @throws {BlobNotFound}
 */
export async function unpackImage(
  store: ContentStore,
  image: Image,
  target: string,
  options: UnpackOptions,
  signal?: AbortSignal,
): Promise<void> {
  const { unpacked, ...rest } = options;
  mkdirSync(target, { recursive: true, mode: 0o755 });
  // The root's time where no layer has an entry for it: the same bytes give the same tree.
  utimesSync(target, 0, 0);
  const { layers } = image.manifest;
  for (const [index, layer] of layers.entries()) {
    const diffID = image.config.rootfs.diff_ids[index];
    const sync = index === layers.length - 1;
    const applied = await applyLayer(
      blobChunks(store.openBlob(layer.digest)),
      target,
      { ...rest, mode: "plain", diffID, sync },
      signal,
    );
    unpacked?.(applied, index);
  }
}
