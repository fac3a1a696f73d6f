/**
 * Pulls an image: resolve, then fetch what is not here. A lease keeps what arrives from being collected until the name
 * points at it; the name is recorded last, so that it never points at less than everything.
 * Source: distribution-spec spec.md, Pull; image-spec manifest.md, image-index.md.
 */
import { hasCode, TeuError } from "../../base/index.ts";
import type { RegistryClient, ResolvedManifest } from "../../distribution/client/index.ts";
import {
  type Descriptor,
  encodePlatform,
  encodeReference,
  familiarReference,
  type Manifest,
  type Platform,
  parseReference,
  type Reference,
  selectPlatform,
} from "../../spec/index.ts";
import { type StepObserver, since } from "../run/steps.ts";
import { inTransaction } from "../store/database.ts";
import { putImage } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { type ImageDocuments, readImage } from "./content.ts";
import { IndexTooDeep, NoMatchingPlatform } from "./errors.ts";
import { forEachAtOnce, type TransferObserver } from "./transfer.ts";

/** How to pull. */
export interface PullOptions {
  readonly platform: Platform;
  /** Plain http. */
  readonly isInsecure?: boolean;
  readonly onStep?: StepObserver;
  readonly onProgress?: TransferObserver;
}

/** Manifest and config do not speak of the same layers. */
export class LayersDisagree extends TeuError<
  "layers-disagree",
  { reference: string; layers: number; diffIDs: number }
> {
  constructor(context: { reference: string; layers: number; diffIDs: number }) {
    super(
      "layers-disagree",
      "invalid",
      context,
      `Cannot use image ${context.reference}: its manifest has ${context.layers} layers, its config ${context.diffIDs}`,
    );
  }
}

const MAX_DEPTH = 4;

/** Pulls what `text` names. @returns its documents; every blob is here */
export async function pullImage(
  store: Store,
  text: string,
  options: PullOptions,
  signal?: AbortSignal,
): Promise<ImageDocuments> {
  const reference = parseReference(text);
  const name = familiarReference(reference);
  using _lease = takeLease(store.database, `pull ${name}`);
  const client = await clientOf(reference, options.isInsecure ?? false);
  const start = performance.now();
  const { target, manifest, platforms } = await resolve(store, client, reference, options, signal);
  const { digest, mediaType, size } = target;
  options.onStep?.({
    kind: "resolve",
    reference: name,
    digest,
    mediaType,
    platform: encodePlatform(options.platform),
    platforms,
    from: "registry",
    durationMs: since(start),
  });
  await fetchBlobs(store, client, manifest, options, signal);
  const image = readImage(store, { digest, mediaType, size }, options.platform, name);
  const diffIDs = image.config.rootfs.diff_ids.length;
  if (diffIDs !== manifest.layers.length)
    throw new LayersDisagree({ reference: name, layers: manifest.layers.length, diffIDs });
  inTransaction(store.database, () =>
    putImage(store.database, store.namespace, {
      reference: encodeReference(reference),
      digest,
      mediaType,
      size,
    }),
  );
  return image;
}

/** The client of the reference's repository. Loaded when first needed: most commands speak to no registry. */
export async function clientOf(reference: Reference, insecure: boolean): Promise<RegistryClient> {
  const { RegistryClient } = await import("../../distribution/client/index.ts");
  return new RegistryClient(reference, { insecure });
}

/** Follows the reference down to the platform's manifest, and keeps every document on the way. */
async function resolve(
  store: Store,
  client: RegistryClient,
  reference: Reference,
  { platform }: PullOptions,
  signal: AbortSignal | undefined,
): Promise<{ target: ResolvedManifest; manifest: Manifest; platforms: number }> {
  const name = familiarReference(reference);
  // A digest decides, whatever the tag says by now; without a digest there is a tag.
  const wanted = reference.digest ?? reference.tag;
  if (wanted === undefined) throw new TypeError(`reference without tag and digest: ${name}`);
  const target = await client.resolve(wanted, signal);
  let at = target;
  let platforms = 0;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    keep(store, at);
    if (at.document.kind === "manifest") return { target, manifest: at.document.manifest, platforms };
    const { manifests } = at.document.index;
    const offered = manifests.map((entry) => entry.platform).filter((entry) => entry !== undefined);
    const chosen = selectPlatform(manifests, platform);
    if (chosen === undefined) throw new NoMatchingPlatform(name, platform, offered);
    platforms = Math.max(platforms, new Set(offered.map(encodePlatform)).size);
    at = await client.resolve(chosen.digest, signal);
  }
  throw new IndexTooDeep({ reference: name });
}

/** Puts a document's bytes, which the client has checked, into the store. */
function keep(store: Store, { digest, size, bytes }: ResolvedManifest): void {
  if (store.content.has(digest)) return;
  using ingest = store.content.ingest({ expected: { digest, size } });
  ingest.write(bytes);
  ingest.commit();
}

async function fetchBlobs(
  store: Store,
  client: RegistryClient,
  { config, layers }: Manifest,
  options: PullOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const start = performance.now();
  const blobs = [...new Map([config, ...layers].map((blob) => [blob.digest, blob])).values()];
  const missing = blobs.filter(({ digest }) => !store.content.has(digest));
  const presentBytes = sizeOf(layers.filter(({ digest }) => store.content.has(digest)));
  for (const { digest, size } of blobs)
    if (!missing.some((blob) => blob.digest === digest))
      options.onProgress?.({ digest, done: size, total: size, state: "present" });
  await forEachAtOnce(missing, signal, (blob, either) =>
    fetchBlob(store, client, blob, options.onProgress, either),
  );
  const fetchedBytes = sizeOf(missing);
  options.onStep?.({
    kind: "pull",
    layers: layers.length,
    fetchedBytes,
    presentBytes,
    durationMs: since(start),
  });
}

/** Hashed and counted while it is written: a byte too many ends it at once, a wrong one before anybody sees it. */
async function fetchBlob(
  store: Store,
  client: RegistryClient,
  { digest, size }: Descriptor,
  observe: TransferObserver | undefined,
  signal: AbortSignal,
): Promise<void> {
  using ingest = store.content.ingest({ expected: { digest, size } });
  observe?.({ digest, done: 0, total: size, state: "moving" });
  for await (const chunk of client.readBlob({ digest, size }, 0, signal)) {
    ingest.write(chunk);
    observe?.({ digest, done: ingest.offset, total: size, state: "moving" });
  }
  await ingest.commitAsync();
  observe?.({ digest, done: size, total: size, state: "done" });
}

function sizeOf(blobs: readonly Descriptor[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

/** Whether `error` says that a document or blob is not in the store. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, "blob-not-found");
}
