/** An image whose layers can be read, wherever it is: here, or else at its registry, of which nothing is kept then. */
import { hasCode } from "../../base/index.ts";
import { BlobTooLarge, verified } from "../../content/index.ts";
import { type ByteSource, type Image, imageOf, requireImageConfig } from "../../image/index.ts";
import {
  type Descriptor,
  familiarReference,
  MAX_CONFIG_BYTES,
  type Platform,
  parseReference,
} from "../../spec/index.ts";
import type { RegistryAccess } from "../remote/access.ts";
import type { ImageRecord } from "../store/images.ts";
import type { Store } from "../store/store.ts";
import { readImage } from "./content.ts";
import { findImage } from "./find.ts";
import { choosePlatform, type PlatformChoice, requirePlatform } from "./platform.ts";
import { clientOf } from "./pull.ts";

/** How to find it. */
export interface ReadableOptions {
  /** Absent: this machine's. */
  readonly platform: Platform | undefined;
  /** What was said of the registry. */
  readonly access: RegistryAccess;
}

/** The image. */
export interface ReadableImage extends Image {
  readonly reference: string;
  readonly from: "store" | "registry";
  /** The stored bytes of one of its layers, checked as they come. */
  readLayer(layer: Descriptor): ByteSource;
}

/** Finds the image that `text` means. @throws {NoSuchImage} @throws {WrongPlatform} and what registries throw */
export async function openReadable(
  store: Store,
  text: string,
  options: ReadableOptions,
  signal?: AbortSignal,
): Promise<ReadableImage> {
  const choice = choosePlatform(options.platform);
  const record = findLocal(store, text);
  return record === undefined
    ? await openRemote(text, choice, options.access, signal)
    : openLocal(store, record, choice);
}

function findLocal(store: Store, text: string): ImageRecord | undefined {
  try {
    return findImage(store, text).record;
  } catch (error) {
    if (hasCode(error, "no-such-image")) return undefined;
    throw error;
  }
}

function openLocal(store: Store, record: ImageRecord, choice: PlatformChoice): ReadableImage {
  const reference = familiarReference(parseReference(record.reference));
  const { target: _, platforms, ...image } = readImage(store, record, choice.platform);
  requirePlatform(reference, { ...image, platforms }, choice);
  return {
    ...image,
    reference,
    from: "store",
    readLayer: ({ digest }) => verified(store.content.readStream(digest), digest),
  };
}

async function openRemote(
  text: string,
  choice: PlatformChoice,
  access: RegistryAccess,
  signal: AbortSignal | undefined,
): Promise<ReadableImage> {
  const { resolveImage } = await import("../../distribution/client/index.ts");
  const reference = parseReference(text);
  const name = familiarReference(reference);
  const client = await clientOf(reference, access);
  const stop = signal === undefined ? {} : { signal };
  const { root, descriptor, manifest } = await resolveImage(client, reference, {
    platform: choice.platform,
    ...stop,
  });
  requireImageConfig(descriptor, manifest);
  const { digest, size } = manifest.config;
  if (size > MAX_CONFIG_BYTES) throw new BlobTooLarge({ digest, size, maxBytes: MAX_CONFIG_BYTES });
  const bytes = new Uint8Array(await new Response(client.getBlob(manifest.config, signal)).arrayBuffer());
  const image = imageOf(descriptor, manifest, bytes);
  requirePlatform(name, { ...image, platforms: root.digest === descriptor.digest ? 0 : 1 }, choice);
  return { ...image, reference: name, from: "registry", readLayer: (layer) => client.getBlob(layer, signal) };
}
