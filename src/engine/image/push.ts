/**
 * Pushes an image as it is stored, byte for byte: layers, then config, then manifest, then index, each when all that it
 * names is there. Source: distribution-spec spec.md, Push.
 */
import type { RegistryClient } from "../../distribution/client/index.ts";
import {
  type Descriptor,
  type Digest,
  encodeReference,
  familiarReference,
  isNondistributableLayer,
  MAX_MANIFEST_BYTES,
  type ManifestOrIndex,
  type Platform,
  parseManifestOrIndex,
  parseReference,
  type Tag,
} from "../../spec/index.ts";
import { findImage as findRecord } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { readImage, type Target } from "./content.ts";
import { NoSuchImage } from "./errors.ts";
import { clientOf } from "./pull.ts";
import { forEachAtOnce, type TransferObserver } from "./transfer.ts";

/** How to push. */
export interface PushOptions {
  /** Which one, where not all of an index is here. */
  readonly platform: Platform;
  readonly isInsecure?: boolean;
  readonly onProgress?: TransferObserver;
}

/** What is at the registry now. */
export interface Pushed {
  readonly reference: string;
  readonly digest: Digest;
  readonly size: number;
  /** The index that the name means, where only one platform of it was here to be pushed. */
  readonly insteadOf: Digest | undefined;
}

/** Pushes the image that goes by the name `text` to where the name says. @throws {NoSuchImage} */
export async function pushImage(
  store: Store,
  text: string,
  options: PushOptions,
  signal?: AbortSignal,
): Promise<Pushed> {
  const reference = parseReference(text);
  const name = familiarReference(reference);
  using _lease = takeLease(store.database, `push ${name}`);
  const record = findRecord(store.database, store.namespace, encodeReference(reference));
  if (record === undefined) throw new NoSuchImage({ text });
  const client = await clientOf(reference, options.isInsecure ?? false);
  const target = whatIsHere(store, record, options.platform, name);
  await pushTarget({ store, client, options, signal }, target, reference.tag ?? target.digest);
  const { digest, size } = target;
  return { reference: name, digest, size, insteadOf: digest === record.digest ? undefined : record.digest };
}

/** An index of which platforms are missing cannot be pushed: then it is the one platform that is here. As docker has it. */
function whatIsHere(store: Store, record: Target, platform: Platform, name: string): Target {
  const document = read(store, record);
  if (document.kind === "manifest") return record;
  if (document.index.manifests.every(({ digest }) => store.content.has(digest))) return record;
  return readImage(store, record, platform, name).manifestDescriptor;
}

function read(store: Store, { digest, mediaType }: Target): ManifestOrIndex {
  return parseManifestOrIndex(store.content.readBytes(digest, MAX_MANIFEST_BYTES), mediaType);
}

interface Pushing {
  readonly store: Store;
  readonly client: RegistryClient;
  readonly options: PushOptions;
  readonly signal: AbortSignal | undefined;
}

async function pushTarget(pushing: Pushing, target: Target, name: Tag | Digest): Promise<void> {
  const { store, client, signal } = pushing;
  const document = read(store, target);
  if (document.kind === "index") {
    for (const entry of document.index.manifests) await pushTarget(pushing, entry, entry.digest);
  } else {
    const { config, layers } = document.manifest;
    const blobs = [...layers.filter((layer) => !isNondistributableLayer(layer.mediaType)), config];
    const distinct = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
    await forEachAtOnce(distinct, signal, (blob, either) => pushBlob(pushing, blob, either));
  }
  const bytes = store.content.readBytes(target.digest, MAX_MANIFEST_BYTES);
  await client.putManifest(name, { mediaType: target.mediaType, bytes }, signal);
}

async function pushBlob(
  { store, client, options }: Pushing,
  { digest, size }: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  const observe: TransferObserver = options.onProgress ?? (() => undefined);
  if (await client.hasBlob({ digest, size }, signal)) {
    observe({ digest, done: size, total: size, state: "present" });
    return;
  }
  const tell = (done: number) => observe({ digest, done, total: size, state: "moving" });
  await client.pushBlob({ digest, size }, () => counted(store.content.readStream(digest), tell), signal);
  observe({ digest, done: size, total: size, state: "done" });
}

/** The same bytes; `tell` hears how many have passed. */
function counted(
  stream: ReadableStream<Uint8Array>,
  tell: (done: number) => void,
): ReadableStream<Uint8Array> {
  let done = 0;
  return stream.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        done += chunk.length;
        tell(done);
        controller.enqueue(chunk);
      },
    }),
  );
}
