/** An image as one tree, by a process beside this one: one layer after the other, as they come, while what is there already goes to the disk. */
import type { Image } from "../../image/index.ts";
import type { Store } from "../store/store.ts";
import type { Arrived } from "./unpack.ts";
import { LayerProcess } from "./worker.ts";

/** Unpacks `image` to the empty directory `target`. On disk when this returns. @param arrived  Waits until a layer is here */
export async function unpackTree(
  store: Store,
  { manifest, config }: Image,
  target: string,
  signal: AbortSignal,
  arrived: Arrived,
): Promise<void> {
  await using unpacker = new LayerProcess(signal);
  await using syncer = new LayerProcess(signal);
  const syncs: Promise<void>[] = [];
  let isSyncing = false;
  const last = manifest.layers.length - 1;
  for (const [index, layer] of manifest.layers.entries()) {
    const diffID = config.rootfs.diff_ids[index];
    if (diffID === undefined) throw new RangeError("each layer has a diffID"); // imageOf() has looked
    await arrived(layer, signal);
    await unpacker.unpack({
      blob: store.content.path(layer.digest),
      digest: layer.digest,
      target,
      mode: "plain",
      diffID,
      isSynced: false,
    });
    if (index === last || isSyncing) continue;
    isSyncing = true;
    const sync = syncer.sync(target).finally(() => {
      isSyncing = false;
    });
    sync.catch(() => undefined); // told below, or not by the time that something else has failed
    syncs.push(sync);
  }
  // The kernel tells of a write that has failed once.
  await Promise.all(syncs);
  await syncer.sync(target);
}
