/** The tree that committed layers show, as an open directory. */
import { closeSync, mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, randomHex } from "../../base/index.ts";
import { check, layerFiles } from "../../sys/index.ts";
import { takeLease } from "../store/leases.ts";
import type { SnapshotRecord } from "../store/snapshots.ts";
import type { Store } from "../store/store.ts";
import { layerDirectories } from "./directories.ts";
import { openMerged } from "./overlay.ts";

/** Opens what `top` and the layers below show; -1 where there are no layers. @param purpose  What a lease is to say */
export function openStack(
  store: Store,
  top: SnapshotRecord | undefined,
  purpose: string,
): Disposable & { readonly descriptor: number } {
  if (top === undefined) return { descriptor: -1, [Symbol.dispose]: () => undefined };
  const [first, ...rest] = layerDirectories(store, top);
  const directory = `new-${randomHex(4)}`;
  using _lease = takeLease(store.database, purpose, directory);
  const place = join(store.paths.snapshots, directory, "lower") as HostPath;
  mkdirSync(place, { recursive: true, mode: 0o700 });
  try {
    using merged = openMerged(store.paths.snapshots, [first as HostPath, ...rest], place); // a layer is one at least
    const descriptor = check(layerFiles().openDirectory(merged.path), "open", merged.path);
    return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
  } finally {
    rmdirSync(place);
    rmdirSync(join(place, ".."));
  }
}
