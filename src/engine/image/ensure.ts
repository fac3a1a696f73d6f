/** The image that a text means, with everything in it, from the store or else from its registry. */

import { hasCode } from "../../base/index.ts";
import type { RegistryClient } from "../../distribution/client/index.ts";
import {
  encodePlatform,
  encodeReference,
  familiarReference,
  parseReference,
  type Reference,
} from "../../spec/index.ts";
import { type StepObserver, since } from "../run/steps.ts";
import type { ImageRecord } from "../store/images.ts";
import type { Store } from "../store/store.ts";
import { admitImage } from "./admit.ts";
import { type ImageDocuments, isComplete, readImage } from "./content.ts";
import { NoSuchImage } from "./errors.ts";
import { findImage } from "./find.ts";
import { isAcceptable } from "./platform.ts";
import { clientOf, type PullOptions, pullImage } from "./pull.ts";
import { fullNames, withFullName } from "./short-name.ts";

/** When a registry is asked for an image, in docker's words. */
export type PullPolicy = "always" | "missing" | "never";

/** How to get an image. */
export interface EnsureOptions extends PullOptions {
  readonly pull?: PullPolicy | undefined;
  /** Told before a pull begins. */
  readonly onMissing?: (reference: string) => void;
}

/** An image that is here, and the name by which it was asked for. */
export interface EnsuredImage {
  readonly reference: string;
  /** The text by which it was asked for, where that means it here; else its name. */
  readonly asked: string;
  readonly image: ImageDocuments;
}

/** What is here is used as it is: a registry is asked only for what is not. */
export async function ensureImage(
  store: Store,
  text: string,
  options: EnsureOptions,
  signal?: AbortSignal,
): Promise<EnsuredImage> {
  const start = performance.now();
  const local = options.pull === "always" ? undefined : findLocal(store, text, options);
  if (local !== undefined) {
    const { name, image } = local;
    const digests = [image.target.digest, image.descriptor.digest];
    const open = (): Promise<RegistryClient> => clientOf(name, options.access);
    const verdict = await admitImage(options.signaturePolicy, name, digests, open, signal);
    options.onVerdict?.(verdict);
    tell(local, options, since(start));
    return local;
  }
  const other = options.pull === "always" ? undefined : await findByFullName(store, text, options);
  if (other !== undefined) return await ensureImage(store, other, options, signal);
  if (options.pull === "never") throw new NoSuchImage({ text });
  return await withFullName(text, signal, async (full) => {
    const name = familiarReference(parseReference(full));
    if (options.pull !== "always") options.onMissing?.(name); // that may be here
    const image = await pullImage(store, full, options, signal);
    return { reference: name, asked: isSame(text, name) ? text : name, image };
  });
}

/** By another name than it was asked for it may be here. */
async function findByFullName(
  store: Store,
  text: string,
  options: EnsureOptions,
): Promise<string | undefined> {
  try {
    const names = await fullNames(text);
    return names.find((name) => name !== text && findLocal(store, name, options) !== undefined);
  } catch (error) {
    // Who pulls it tells.
    if (hasCode(error, "invalid-reference")) return undefined;
    throw error;
  }
}

function findLocal(
  store: Store,
  text: string,
  options: EnsureOptions,
): (EnsuredImage & { name: Reference }) | undefined {
  let record: ImageRecord;
  try {
    record = findImage(store, text).record;
  } catch (error) {
    if (hasCode(error, "no-such-image")) return undefined;
    throw error;
  }
  try {
    const name = parseReference(record.reference);
    const reference = familiarReference(name);
    const image = readImage(store, record, options.platform);
    return isComplete(store, image) && isAcceptable(image, options)
      ? { reference, asked: text, name, image }
      : undefined;
  } catch (error) {
    // Pulled for another platform: the index is here, this manifest is not.
    if (hasCode(error, "blob-not-found")) return undefined;
    throw error;
  }
}

function isSame(text: string, name: string): boolean {
  return encodeReference(parseReference(text)) === encodeReference(parseReference(name));
}

function tell({ reference, image }: EnsuredImage, options: EnsureOptions, durationMs: number): void {
  const observe: StepObserver = options.onStep ?? (() => undefined);
  const { target, manifest, platforms } = image;
  const { digest, mediaType } = target;
  const platform = encodePlatform(options.platform);
  observe({ kind: "resolve", reference, digest, mediaType, platform, platforms, from: "store", durationMs });
  const presentBytes = manifest.layers.reduce((sum, { size }) => sum + size, 0);
  observe({ kind: "pull", layers: manifest.layers.length, fetchedBytes: 0, presentBytes, durationMs: 0 });
}
