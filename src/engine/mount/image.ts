/** Shows a container the files of another image, which nobody can change: an overlay without a writable layer. */
import type { HostPath } from "../../base/index.ts";
import { readImage } from "../image/content.ts";
import { thisPlatform } from "../image/platform.ts";
import { layerDirectories } from "../snapshot/directories.ts";
import { mountOverlay } from "../snapshot/overlay.ts";
import { unpackLayers } from "../snapshot/unpack.ts";
import type { HeldImageMount } from "../store/containers.ts";
import type { Store } from "../store/store.ts";
import { closePlace, makePlace, showPart } from "./places.ts";

/** Mounts what `mount` asks for at `place`, which it returns. @throws {SubpathRefused} */
export async function showImage(
  store: Store,
  { image, manifest, subpath }: HeldImageMount,
  place: HostPath,
): Promise<HostPath> {
  // The container holds its content and its layers; after a repair of the records these are unpacked anew.
  const { top } = await unpackLayers(store, readImage(store, manifest, thisPlatform()));
  // Without a writable layer there have to be two. What is bound instead of an overlay could be made writable.
  const empty = (top === undefined ? ["below", "above"] : ["below"]).map(
    (name) => `${place}.${name}` as HostPath,
  );
  for (const path of empty) makePlace(path);
  const whole = subpath === undefined ? place : (`${place}.whole` as HostPath);
  makePlace(whole);
  const lower = [...(top === undefined ? [] : layerDirectories(store, top)), ...empty];
  mountOverlay({ base: store.paths.snapshots, lower, target: whole });
  if (subpath === undefined) return place;
  try {
    return showPart(whole, subpath, place, `image ${image}`);
  } finally {
    closePlace(whole);
  }
}
