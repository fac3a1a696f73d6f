/**
 * Pulls an image and gives it its name. A lease keeps what arrives from being collected until the name points at it;
 * the name is recorded last, so that it never points at less than everything.
 */
import { hasCode, isTeuError, messageOf, TeuError } from "../../base/index.ts";
import type { BlobEvent, PullEvent, PulledImage, RegistryClient } from "../../distribution/client/index.ts";
import {
  type Descriptor,
  type Digest,
  encodePlatform,
  encodeReference,
  familiarReference,
  type Manifest,
  parseReference,
  type Reference,
} from "../../spec/index.ts";
import type { SignatureVerdict } from "../audit/entry.ts";
import type { RegistryAccess } from "../remote/access.ts";
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

/** Does something with what comes, while it comes. */
export interface PullFollower {
  /** This image comes. */
  choose(descriptor: Descriptor, manifest: Manifest): void;
  /** This becomes of a blob. */
  hear(event: BlobEvent): void;
}

/** How to pull. */
export interface PullOptions extends PlatformChoice {
  /** What was said of the registry; absent: nothing. */
  readonly access?: RegistryAccess;
  /** The file that says what is accepted; absent: this machine's. */
  readonly signaturePolicy?: string | undefined;
  /** Is told what the policy made of it. */
  readonly onVerdict?: (verdict: SignatureVerdict) => void;
  /** Asked when a pull begins: who else wants to hear of it. */
  readonly follow?: () => Promise<PullFollower>;
  readonly onStep?: StepObserver;
  readonly onProgress?: TransferObserver;
}

/** What no other place would change. */
const FINAL = ["storage-full", "signature-not-accepted", "policy-refused"];

/** Neither the mirrors nor the registry had it. */
export class MirrorsFailed extends TeuError<"mirrors-failed", { mirrors: readonly string[] }> {
  constructor(last: unknown, failures: readonly { readonly place: string; readonly error: unknown }[]) {
    const mirrors = failures.map(({ error }) => messageOf(error));
    super(
      "mirrors-failed",
      isTeuError(last) ? last.kind : "unavailable",
      { mirrors },
      `${messageOf(last)}; its mirrors before: ${mirrors.join("; ")}`,
      { cause: last, ...(isTeuError(last) && last.hint !== undefined && { hint: last.hint }) },
    );
  }
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
export async function clientOf(
  reference: Reference,
  access: RegistryAccess = {},
  action: "pull" | "push" = "pull",
): Promise<RegistryClient> {
  const { openHome } = await import("../remote/access.ts");
  return await openHome(reference, { access, environment: process.env }, action);
}

/** From a mirror, if one has all of it; else from the registry itself. What a mirror brought is kept either way. */

async function fetch(
  store: Store,
  reference: Reference,
  name: string,
  options: PullOptions,
  signal: AbortSignal | undefined,
): Promise<PulledImage> {
  const { pullImage: pull } = await import("../../distribution/client/index.ts");
  const { openPlaces } = await import("../remote/access.ts");
  const { access = {}, platform } = options;
  const tell = stepTeller(name, options, await options.follow?.());
  const { content } = store;
  try {
    const stop = signal === undefined ? {} : { signal };
    const failures: { readonly place: string; readonly error: unknown }[] = [];
    const { mirrors, home } = await openPlaces(reference, { access, environment: process.env });
    for (const client of [...mirrors, home]) {
      const admit = async (digests: readonly Digest[]): Promise<void> => {
        const verdict = await admitImage(options.signaturePolicy, reference, digests, () => client, signal);
        options.onVerdict?.(verdict);
      };
      try {
        const wanted = { store: content, platform, admit, onProgress: tell.hear, ...stop };
        return await pull(client, reference, wanted);
      } catch (error) {
        signal?.throwIfAborted();
        // What is wrong with this machine, or refused by its policy, is no better elsewhere.
        if (client === home || FINAL.some((code) => hasCode(error, code)))
          throw failures.length === 0 ? error : new MirrorsFailed(error, failures);
        failures.push({ place: client.registry, error });
      }
    }
    throw new RangeError("there is always the registry itself");
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
  follower: PullFollower | undefined,
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
        follower?.choose(event.descriptor, event.manifest);
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
    follower?.hear(event);
    onProgress?.(event);
  };
  const end = (): void => {
    if (layers === undefined) return;
    onStep?.({ kind: "pull", layers, fetchedBytes, presentBytes, durationMs: since(start) });
  };
  return { hear, end };
}
