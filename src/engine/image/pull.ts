/**
 * Pulls an image and gives it its name. A lease keeps what arrives from being collected until the name points at it;
 * the name is recorded last, so that it never points at less than everything.
 */
import { hasCode } from "../../base/index.ts";
import type { BlobEvent, PullEvent, PulledImage, RegistryClient } from "../../distribution/client/index.ts";
import {
  type Digest,
  encodePlatform,
  encodeReference,
  familiarReference,
  parseReference,
  type Reference,
} from "../../spec/index.ts";
import { type StepObserver, since } from "../run/steps.ts";
import { putImage } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { admitImage } from "./admit.ts";
import { type ImageDocuments, readImage } from "./content.ts";
import { changeNames } from "./names.ts";
import { type PlatformChoice, requirePlatform } from "./platform.ts";

/** Is told what happens to every blob. */
export type TransferObserver = (event: BlobEvent) => void;

/** How to pull. */
export interface PullOptions extends PlatformChoice {
  /** Plain http. */
  readonly isInsecure?: boolean;
  /** The file that says what is accepted; absent: this machine's. */
  readonly signaturePolicy?: string | undefined;
  readonly onStep?: StepObserver;
  readonly onProgress?: TransferObserver;
}

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
  const { root } = await fetch(store, reference, name, options, signal);
  const { digest, mediaType, size } = root;
  const image = readImage(store, { digest, mediaType, size }, options.platform);
  requirePlatform(name, image, options);
  changeNames(store, () =>
    putImage(
      store.database,
      store.namespace,
      {
        reference: encodeReference(reference),
        digest,
        mediaType,
        size,
      },
      "pull",
    ),
  );
  return image;
}

/** The client of the reference's repository. Loaded when first needed: most commands speak to no registry. */
export async function clientOf(reference: Reference, insecure: boolean): Promise<RegistryClient> {
  const { RegistryClient } = await import("../../distribution/client/index.ts");
  return new RegistryClient(reference, { insecure });
}

async function fetch(
  store: Store,
  reference: Reference,
  name: string,
  options: PullOptions,
  signal: AbortSignal | undefined,
): Promise<PulledImage> {
  const { pullImage: pull } = await import("../../distribution/client/index.ts");
  const client = await clientOf(reference, options.isInsecure ?? false);
  const { platform } = options;
  const tell = stepTeller(name, options);
  const { content } = store;
  try {
    const stop = signal === undefined ? {} : { signal };
    const admit = (digests: readonly Digest[]): Promise<void> =>
      admitImage(options.signaturePolicy, reference, digests, () => client, signal);
    return await pull(client, reference, { store: content, platform, admit, onProgress: tell.hear, ...stop });
  } catch (error) {
    // What arrived is kept for the next attempt, but not where it is what fills the disk.
    if (hasCode(error, "storage-full")) content.pruneIngests(0);
    throw error;
  } finally {
    tell.end();
  }
}

/** Makes steps of events. */
function stepTeller(
  name: string,
  { platform, onStep, onProgress }: PullOptions,
): { hear: (event: PullEvent) => void; end: () => void } {
  let start = performance.now();
  let layers: number | undefined;
  let fetchedBytes = 0;
  let presentBytes = 0;
  let platforms = 0;
  let resolved: PulledImage["root"] | undefined;
  const hear = (event: PullEvent): void => {
    switch (event.kind) {
      case "resolved":
        resolved = event.descriptor;
        platforms = event.entries ?? 0;
        return;
      case "chosen":
        layers = event.manifest.layers.length;
        if (resolved !== undefined)
          onStep?.({
            kind: "resolve",
            reference: name,
            digest: resolved.digest,
            mediaType: resolved.mediaType,
            platform: encodePlatform(platform),
            platforms,
            from: "registry",
            durationMs: since(start),
          });
        start = performance.now();
        return;
      case "present":
        presentBytes += event.blob.size;
        break;
      case "done":
        fetchedBytes += event.blob.size;
        break;
      case "begun":
      case "moved":
        break;
      default:
        event satisfies never;
    }
    onProgress?.(event);
  };
  const end = (): void => {
    if (layers === undefined) return;
    onStep?.({ kind: "pull", layers, fetchedBytes, presentBytes, durationMs: since(start) });
  };
  return { hear, end };
}
