/** How an image came to be: the steps that its config tells of, each with the layer that it made. Source: image-spec config.md, history. */
import type { Image } from "../../image/index.ts";
import type { Digest, History, ImageConfig, Platform } from "../../spec/index.ts";
import type { Store } from "../store/store.ts";
import { readImage } from "./content.ts";
import { findImage } from "./find.ts";
import { choosePlatform, requirePlatform } from "./platform.ts";

/** One step. */
export interface HistoryStep {
  /** Of the image, at its last step; absent: nothing by which one could get what was there before. */
  readonly image?: Digest;
  /** Of the layer that it made; absent: it made none. */
  readonly layer: Digest | undefined;
  readonly created: string | undefined;
  readonly createdBy: string;
  /** Of the layer, as stored. */
  readonly bytes: number;
  readonly comment: string;
}

/** The steps, the last first. Layers that the config tells nothing of come at the end. @param platform  Absent: this machine's. @throws {NoSuchImage} {WrongPlatform} */
export function imageHistory(store: Store, text: string, platform?: Platform): HistoryStep[] {
  const choice = choosePlatform(platform);
  const { record } = findImage(store, text);
  const image = readImage(store, record, choice.platform);
  requirePlatform(text, image, choice);
  return historyOf(image)
    .reverse()
    .map((step, index) => (index === 0 ? { image: record.digest, ...step } : step));
}

/** The steps, the first first. */
export function historyOf({ config, manifest }: Pick<Image, "config" | "manifest">): HistoryStep[] {
  const layers = manifest.layers.values();
  const steps = (config.history ?? []).map((entry): HistoryStep => {
    const layer = entry.empty_layer === true ? undefined : layers.next().value;
    return {
      layer: layer?.digest,
      created: entry.created,
      createdBy: entry.created_by ?? "",
      bytes: layer?.size ?? 0,
      comment: entry.comment ?? "",
    };
  });
  const untold = [...layers].map(({ digest, size }) => ({
    ...{ layer: digest, created: undefined, createdBy: "", bytes: size, comment: "" },
  }));
  return [...steps, ...untold];
}

/** A history with a step for each layer, or it would tell of the wrong ones: the image need not have one. */
export function wholeHistory({ history = [], rootfs }: ImageConfig): History[] {
  const told = history.filter(({ empty_layer: isEmpty }) => isEmpty !== true).length;
  const untold = Math.max(0, rootfs.diff_ids.length - told);
  return [...history, ...Array.from({ length: untold }, () => ({ created_by: "" }))];
}
