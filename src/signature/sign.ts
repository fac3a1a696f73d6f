/** Signs an image where it lies: in its registry, in cosign's first format or as a bundle that refers to it. */
import { hasCode } from "../base/index.ts";
import type { RegistryClient } from "../distribution/client/index.ts";
import {
  type Descriptor,
  type Digest,
  digestOf,
  embeddedContent,
  emptyDescriptor,
  mediaTypes,
} from "../spec/index.ts";
import { encodeBase64 } from "./base64.ts";
import { BUNDLE, encodeBundle, SIGN_PREDICATE } from "./bundle.ts";
import { signatureTag } from "./find.ts";
import type { PrivateKey } from "./key.ts";
import { encodePayload, SIGNATURE_ANNOTATION, SIMPLE_SIGNING } from "./simple-signing.ts";

/** What is signed, and how. */
export interface SignRequest {
  /** The manifest or index. */
  readonly subject: Pick<Descriptor, "mediaType" | "digest" | "size">;
  /** The name under which it is signed. */
  readonly identity: string;
  readonly key: PrivateKey;
  readonly format: "simple" | "bundle";
}

/** Signs. @returns the digest of the manifest that holds the signature */
export async function signImage(
  client: RegistryClient,
  { subject: { mediaType, digest, size }, identity, key, format }: SignRequest,
  signal?: AbortSignal,
): Promise<Digest> {
  if (format === "bundle") {
    const bundle = await push(client, encodeBundle(key, identity, digest), BUNDLE, {}, signal);
    return await pushBundle(client, { mediaType, digest, size }, bundle, signal);
  }
  const payload = encodePayload(identity, digest);
  const annotations = { [SIGNATURE_ANNOTATION]: encodeBase64(key.sign(payload)) };
  const layer = await push(client, payload, SIMPLE_SIGNING, annotations, signal);
  return await pushSimple(client, digest, layer, signal);
}

/** Adds a layer to the manifest of signatures: those that others made stay. */
async function pushSimple(
  client: RegistryClient,
  digest: Digest,
  layer: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Digest> {
  const tag = signatureTag(digest);
  const before = await client.resolve(tag, signal).catch((error: unknown) => {
    if (hasCode(error, "manifest-not-found")) return undefined;
    throw error;
  });
  const old = before?.document.kind === "manifest" ? before.document.manifest.layers : [];
  const layers = [...old, layer];
  // Cosign reads the config as that of an image, with a layer for each signature.
  const config = {
    architecture: "",
    os: "",
    created: "0001-01-01T00:00:00Z",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map((one) => one.digest) },
  };
  const pushed = await push(
    client,
    new TextEncoder().encode(JSON.stringify(config)),
    mediaTypes.config,
    {},
    signal,
  );
  return await pushManifest(client, { config: pushed, layers }, tag, signal);
}

async function pushBundle(
  client: RegistryClient,
  subject: SignRequest["subject"],
  layer: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Digest> {
  const empty = embeddedContent(emptyDescriptor) ?? new Uint8Array();
  const config = await push(client, empty, mediaTypes.empty, {}, signal);
  const annotations = {
    "dev.sigstore.bundle.content": "dsse-envelope",
    "dev.sigstore.bundle.predicateType": SIGN_PREDICATE,
    "org.opencontainers.image.created": new Date().toISOString(),
  };
  const manifest = { artifactType: BUNDLE, config, layers: [layer], subject, annotations };
  return await pushManifest(client, manifest, undefined, signal);
}

async function pushManifest(
  client: RegistryClient,
  fields: object,
  tag: ReturnType<typeof signatureTag> | undefined,
  signal: AbortSignal | undefined,
): Promise<Digest> {
  const bytes = encode({ schemaVersion: 2, mediaType: mediaTypes.manifest, ...fields });
  const digest = digestOf(bytes);
  await client.putManifest(tag ?? digest, { mediaType: mediaTypes.manifest, bytes }, signal);
  return digest;
}

async function push(
  client: RegistryClient,
  bytes: Uint8Array,
  mediaType: string,
  annotations: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  const blob = { digest: digestOf(bytes), size: bytes.byteLength };
  if (!(await client.hasBlob(blob, signal)))
    await client.pushBlob(blob, () => new Blob([new Uint8Array(bytes)]).stream(), signal);
  return { mediaType, ...blob, ...(Object.keys(annotations).length > 0 && { annotations }) };
}

function encode(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
