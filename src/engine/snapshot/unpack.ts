/**
 * Makes snapshots of an image's layers. Mostly all of them are there, from an earlier container: what unpacks is loaded for those that are
 * not. A snapshot once committed never changes and is shared by all images that have it.
 */
import { type ChainID, chainIDs, type Descriptor, type DiffID } from "../../spec/index.ts";
import type { ImageDocuments } from "../image/content.ts";
import { findSnapshot, type SnapshotRecord } from "../store/snapshots.ts";
import type { Store } from "../store/store.ts";

/** What unpacking an image came to. */
export interface Unpacked {
  /** The snapshot of all layers; absent for an image without any. */
  readonly top: SnapshotRecord | undefined;
  readonly unpacked: number;
  readonly present: number;
  /** Files, directories, links … in the layers that were unpacked now. */
  readonly entries: number;
}

/** One layer that is no snapshot yet. */
export interface MissingLayer {
  readonly descriptor: Descriptor;
  readonly diffID: DiffID;
  readonly chainID: ChainID;
}

/** Waits for a layer, and stops waiting when the signal says so. */
export type Arrived = (layer: Descriptor, signal: AbortSignal) => Promise<void>;

/**
 * Unpacks the layers of `image` that are no snapshots yet.
 * @param arrived  Waits until a layer is here; absent: all are
 */
export async function unpackLayers(
  store: Store,
  image: Pick<ImageDocuments, "manifest" | "config">,
  signal?: AbortSignal,
  arrived?: Arrived,
): Promise<Unpacked> {
  const { layers, base } = missingLayers(store, image);
  const present = image.manifest.layers.length - layers.length;
  if (layers.length === 0) return { top: base, unpacked: 0, present, entries: 0 };
  const { unpackMissing } = await import("./unpack-missing.ts");
  const made = await unpackMissing(store, layers, base, signal, arrived);
  return { ...made, unpacked: layers.length, present };
}

/** The layers above the highest one that is a snapshot: on it stand all that are. */
function missingLayers(
  store: Store,
  { manifest, config }: Pick<ImageDocuments, "manifest" | "config">,
): { layers: MissingLayer[]; base: SnapshotRecord | undefined } {
  const diffIDs = config.rootfs.diff_ids;
  const chain = chainIDs(diffIDs);
  const layers: MissingLayer[] = [];
  for (let at = chain.length - 1; at >= 0; at--) {
    const [chainID, diffID, descriptor] = [chain[at], diffIDs[at], manifest.layers[at]];
    if (chainID === undefined || diffID === undefined || descriptor === undefined) break;
    const base = findSnapshot(store.database, chainID);
    if (base !== undefined) return { layers, base };
    layers.unshift({ descriptor, diffID, chainID });
  }
  return { layers, base: undefined };
}
