/** What is not the same in two images: files, or layers. Either may be at a registry. */
import {
  type ByteSource,
  compareTrees,
  decodeName,
  ImageTree,
  type LayerListing,
  listLayer,
  type TreePart,
} from "../../image/index.ts";
import type { Digest } from "../../spec/index.ts";
import { abortOnSignal } from "../run/signals.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { openReadable, type ReadableImage, type ReadableOptions } from "./readable.ts";

/** One path. */
export interface FileDifference {
  readonly kind: "added" | "changed" | "deleted";
  readonly path: string;
  /** What is another, where something was and is. */
  readonly parts: readonly TreePart[];
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** One layer; the same one is in both where the same tar is in it, however it is packed. */
export interface LayerDifference {
  readonly kind: "added" | "deleted" | "same";
  readonly diffID: string;
  readonly digest: Digest;
  readonly bytes: number;
}

/** The files that are not the same, by path. Times are not compared. A layer that both have is read once. */
export async function compareImageFiles(
  store: Store,
  names: readonly [before: string, after: string],
  options: ReadableOptions,
): Promise<FileDifference[]> {
  using interrupt = abortOnSignal();
  using _lease = takeLease(store.database, `diff ${names.join(" ")}`);
  const listings = new Map<string, LayerListing>();
  const listed = async (diffID: string, open: () => ByteSource): Promise<LayerListing> => {
    const listing = listings.get(diffID) ?? (await listLayer(open(), { hashes: true }, interrupt.signal));
    listings.set(diffID, listing);
    return listing;
  };
  const [before, after] = await openBoth(store, names, options, interrupt.signal);
  const treeOf = async ({ config, manifest, readLayer }: ReadableImage): Promise<ImageTree> => {
    const tree = new ImageTree();
    for (const [number, layer] of manifest.layers.entries())
      tree.apply(
        await listed(config.rootfs.diff_ids[number] ?? layer.digest, () => readLayer(layer)),
        number,
      );
    return tree;
  };
  const trees = [await treeOf(before), await treeOf(after)] as const;
  return compareTrees(...trees).map(({ kind, path, parts, bytes: [bytesBefore, bytesAfter] }) => ({
    ...{ kind, path: `/${decodeName(path)}`, parts, bytesBefore, bytesAfter },
  }));
}

/** The layers of both, bottom first: those that they share, then what only the one has, then what only the other. */
export async function compareImageLayers(
  store: Store,
  names: readonly [before: string, after: string],
  options: ReadableOptions,
): Promise<LayerDifference[]> {
  using interrupt = abortOnSignal();
  const [before, after] = (await openBoth(store, names, options, interrupt.signal)).map(layersOf) as [
    Layer[],
    Layer[],
  ]; // two, as there were
  const shared = before.findIndex(({ diffID }, number) => diffID !== after[number]?.diffID);
  const common = shared < 0 ? Math.min(before.length, after.length) : shared;
  return [
    ...before.slice(0, common).map((layer) => ({ kind: "same" as const, ...layer })),
    ...before.slice(common).map((layer) => ({ kind: "deleted" as const, ...layer })),
    ...after.slice(common).map((layer) => ({ kind: "added" as const, ...layer })),
  ];
}

type Layer = Omit<LayerDifference, "kind">;

function layersOf({ manifest, config }: ReadableImage): Layer[] {
  return manifest.layers.map(({ digest, size }, number) => ({
    ...{ diffID: config.rootfs.diff_ids[number] ?? "", digest, bytes: size },
  }));
}

async function openBoth(
  store: Store,
  [before, after]: readonly [string, string],
  options: ReadableOptions,
  signal: AbortSignal,
): Promise<readonly [ReadableImage, ReadableImage]> {
  return [
    await openReadable(store, before, options, signal),
    await openReadable(store, after, options, signal),
  ];
}
