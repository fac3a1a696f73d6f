/** All that is known of what a text names: a container, or else an image. */
import { hasCode } from "../base/index.ts";
import { chainIDs, encodePlatform, type ImageConfig, type Manifest, type Platform } from "../spec/index.ts";
import { type ContainerSummary, listContainers } from "./container/list.ts";
import { findContainer } from "./container/remove.ts";
import { readImage } from "./image/content.ts";
import { findImage } from "./image/find.ts";
import { thisPlatform } from "./image/platform.ts";
import type { Store } from "./store/store.ts";

/** One image: what its name points at, and its documents for one platform, as they are stored. */
export interface ImageInspection {
  readonly kind: "image";
  readonly reference: string;
  readonly id: string;
  readonly mediaType: string;
  readonly platform: string;
  readonly manifestDigest: string;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly chainIDs: readonly string[];
}

/** What `text` names. @throws {NoSuchImage} neither a container nor an image goes by it */
export function inspect(
  store: Store,
  text: string,
  platform: Platform = thisPlatform(),
): ImageInspection | ({ kind: "container" } & ContainerSummary) {
  try {
    const { id } = findContainer(store, text);
    const container = listContainers(store).find((summary) => summary.id === id);
    if (container !== undefined) return { kind: "container", ...container };
  } catch (error) {
    if (!hasCode(error, "no-such-container")) throw error;
  }
  const { record } = findImage(store, text);
  const { manifest, descriptor, config } = readImage(store, record, platform);
  return {
    kind: "image",
    reference: record.reference,
    id: record.digest,
    mediaType: record.mediaType,
    platform: encodePlatform(config),
    manifestDigest: descriptor.digest,
    manifest,
    config,
    chainIDs: chainIDs(config.rootfs.diff_ids),
  };
}
