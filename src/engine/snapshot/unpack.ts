/** Makes snapshots of an image's layers. */
import { Unsupported } from "../../base/index.ts";
import type { ImageDocuments } from "../image/content.ts";
import type { SnapshotRecord } from "../store/snapshots.ts";
import type { Store } from "../store/store.ts";

/** What unpacking an image came to. */
export interface Unpacked {
  /** The snapshot of all layers; absent for an image without any. */
  readonly top: SnapshotRecord | undefined;
  readonly unpacked: number;
  readonly present: number;
  readonly entries: number;
}

/** Unpacks the layers of `image` that are no snapshots yet. */
export async function unpackLayers(
  _store: Store,
  image: ImageDocuments,
  _signal?: AbortSignal,
): Promise<Unpacked> {
  if (image.manifest.layers.length === 0) return { top: undefined, unpacked: 0, present: 0, entries: 0 };
  throw new Unsupported({ what: "image", why: "layers are not unpacked yet" });
}
