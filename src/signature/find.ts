/**
 * The signatures that a registry keeps of an image: cosign's manifests under a tag made of the digest, and bundles that refer to it.
 * Whoever may push may add some, so all that is read is bounded.
 * Source: cosign specs/SIGNATURE_SPEC.md, Storage; specs/BUNDLE_SPEC.md.
 */
import { hasCode, messageOf } from "../base/index.ts";
import type { RegistryClient, ResolvedManifest } from "../distribution/client/index.ts";
import {
  type Annotations,
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestEncoded,
  type Tag,
} from "../spec/index.ts";
import { BUNDLE } from "./bundle.ts";
import { SIMPLE_SIGNING } from "./simple-signing.ts";

/** Something that says it is a signature, or why it cannot be looked at. */
export type FoundSignature =
  | { readonly kind: "simple"; readonly payload: Uint8Array; readonly annotations: Annotations }
  | { readonly kind: "bundle"; readonly bytes: Uint8Array }
  | { readonly kind: "unreadable"; readonly reason: string };

/** A payload has some 300 bytes, a bundle with certificate and proof some 10,000. */
const MAX_BYTES = 256 << 10;
const MAX_SIGNATURES = 100;

/** Signatures of `digest`, one after the other. */
export async function* findSignatures(
  client: RegistryClient,
  digest: Digest,
  signal?: AbortSignal,
): AsyncGenerator<FoundSignature, void, void> {
  const tagged = await resolve(client, signatureTag(digest), signal);
  if (tagged !== undefined) yield* simpleSignatures(client, tagged, signal);
  const { descriptors } = await client.referrers(digest, BUNDLE, signal);
  for (const [index, descriptor] of descriptors.entries()) {
    if (index === MAX_SIGNATURES) return yield tooMany(descriptors.length);
    const bundle = await resolve(client, descriptor.digest, signal);
    // A list under a tag may be wrong: what counts is what the manifest says of itself.
    if (bundle?.document.kind !== "manifest" || bundle.document.manifest.subject?.digest !== digest) continue;
    const [layer] = bundle.document.manifest.layers;
    if (layer?.mediaType !== BUNDLE) continue;
    const bytes = await readSmall(client, layer, signal);
    yield typeof bytes === "string" ? { kind: "unreadable", reason: bytes } : { kind: "bundle", bytes };
  }
}

/** The tag under which cosign keeps signatures of `digest`. */
export function signatureTag(digest: Digest): Tag {
  return `${digestAlgorithm(digest)}-${digestEncoded(digest)}.sig` as Tag; // of letters, digits and these
}

async function* simpleSignatures(
  client: RegistryClient,
  { document }: ResolvedManifest,
  signal: AbortSignal | undefined,
): AsyncGenerator<FoundSignature, void, void> {
  if (document.kind !== "manifest") return;
  const layers = document.manifest.layers.filter(({ mediaType }) => mediaType === SIMPLE_SIGNING);
  for (const [index, layer] of layers.entries()) {
    if (index === MAX_SIGNATURES) return yield tooMany(layers.length);
    const payload = await readSmall(client, layer, signal);
    yield typeof payload === "string"
      ? { kind: "unreadable", reason: payload }
      : { kind: "simple", payload, annotations: layer.annotations ?? {} };
  }
}

async function resolve(
  client: RegistryClient,
  target: Tag | Digest,
  signal: AbortSignal | undefined,
): Promise<ResolvedManifest | undefined> {
  try {
    return await client.resolve(target, signal);
  } catch (error) {
    if (hasCode(error, "manifest-not-found")) return undefined;
    throw error;
  }
}

/** The content, or why it is not read. */
async function readSmall(
  client: RegistryClient,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | string> {
  if (size > MAX_BYTES) return `a signature of ${size} bytes is not read, ${MAX_BYTES} at most`;
  try {
    return Buffer.from(await new Response(client.getBlob({ digest, size }, signal)).arrayBuffer());
  } catch (error) {
    signal?.throwIfAborted();
    return messageOf(error);
  }
}

function tooMany(count: number): FoundSignature {
  return { kind: "unreadable", reason: `of ${count} signatures only ${MAX_SIGNATURES} are looked at` };
}
