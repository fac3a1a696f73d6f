/** What is told of images. */
import { isTeuError } from "../../base/index.ts";
import { type Digest, encodePlatform, familiarReference, parseReference } from "../../spec/index.ts";
import { listImages as listRecords } from "../store/images.ts";
import type { Store } from "../store/store.ts";
import { readImage } from "./content.ts";
import { thisPlatform } from "./platform.ts";

/** One image, as lists show it. */
export interface ImageSummary {
  /** As people write it: `debian:12`. */
  readonly name: string;
  /** The digest of what the name points at: the image's ID. */
  readonly id: Digest;
  /** When it was built, as its config says. */
  readonly created: string | undefined;
  /** Bytes of its layers for this machine, as stored; undefined when no platform of it is here. */
  readonly size: number | undefined;
  readonly platform: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** Every image, by name. */
export function listImages(store: Store): ImageSummary[] {
  return listRecords(store.database, store.namespace).map((record) => ({
    name: familiarReference(parseReference(record.reference)),
    id: record.digest,
    ...describe(store, record),
  }));
}

function describe(
  store: Store,
  record: Parameters<typeof readImage>[1] & { reference: string },
): Pick<ImageSummary, "created" | "size" | "platform" | "labels"> {
  try {
    const { config, manifest } = readImage(store, record, thisPlatform());
    const size = manifest.layers.reduce((sum, layer) => sum + layer.size, 0);
    const labels = config.config?.Labels ?? {};
    return { created: config.created, size, platform: encodePlatform(config), labels };
  } catch (error) {
    // It was pulled for another platform, or is none that can run: what is wrong is told to whoever uses it.
    if (!isTeuError(error)) throw error;
    return { created: undefined, size: undefined, platform: undefined, labels: {} };
  }
}
