/**
 * Shows a container the files of another image: an overlay without a writable layer, so that nobody can change them, or with one that is the
 * container's, and goes with it.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { readImage } from "../image/content.ts";
import { thisPlatform } from "../image/platform.ts";
import { copyOwnership, filesDirectory, layerDirectories } from "../snapshot/directories.ts";
import type { MountLayers, Writable } from "../snapshot/overlay.ts";
import { unpackLayers } from "../snapshot/unpack.ts";
import type { ContainerRecord, HeldImageMount } from "../store/containers.ts";
import { type Store, snapshotDirectory } from "../store/store.ts";
import { closePlace, makePlace, showPart } from "./places.ts";

/** Mounts what `mount`, the one number `index` of the container's, asks for at `place`, which it returns. @throws {SubpathRefused} */
export async function showImage(
  store: Store,
  container: ContainerRecord,
  { image, manifest, subpath, readonly }: HeldImageMount,
  { index, place, mount }: { readonly index: number; readonly place: HostPath; readonly mount: MountLayers },
): Promise<HostPath> {
  // The container holds its content and its layers; after a repair of the records these are unpacked anew.
  const { top } = await unpackLayers(store, readImage(store, manifest, thisPlatform()));
  const layers = top === undefined ? [] : layerDirectories(store, top);
  const from = top && filesDirectory(store, top);
  const writable = readonly ? undefined : writableOf(store, container, index, from);
  const whole = subpath === undefined ? place : (`${place}.whole` as HostPath);
  makePlace(whole);
  if (writable !== undefined) mount({ base: store.paths.snapshots, lower: layers, writable, target: whole });
  else {
    // Without a writable layer there have to be two. What is bound instead of an overlay could be made writable.
    const empty = (top === undefined ? ["below", "above"] : ["below"]).map(
      (name) => `${place}.${name}` as HostPath,
    );
    for (const path of empty) makePlace(path);
    mount({ base: store.paths.snapshots, lower: [...layers, ...empty], target: whole });
  }
  if (subpath === undefined) return place;
  try {
    return showPart(whole, subpath, place, `image ${image}`);
  } finally {
    closePlace(whole);
  }
}

/** Where changes go: beside the container's own, so that they go with it, and below the same limit. */
function writableOf(
  store: Store,
  { snapshot, settings }: ContainerRecord,
  index: number,
  from: HostPath | undefined,
): Writable | undefined {
  if (snapshot === null) return undefined;
  const around = join(snapshotDirectory(store, snapshot), "images", `${index}`);
  const [upper, work] = [join(around, "fs") as HostPath, join(around, "work") as HostPath];
  mkdirSync(upper, { recursive: true, mode: 0o755 });
  mkdirSync(work, { recursive: true, mode: 0o700 });
  if (from !== undefined) copyOwnership(from, upper);
  return { upper, work, isPassing: settings.autoRemove };
}
