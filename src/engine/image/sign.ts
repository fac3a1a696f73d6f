/**
 * Signs an image that has just come to its registry, in skopeo's words: by a key of gpg's, into the folder that registries.d names, and by a private
 * key in cosign's format, into the registry. An index is signed with each image in it: whoever pulls one platform asks for that one's signature.
 */
import { hasCode } from "../../base/index.ts";
import type { RegistryClient } from "../../distribution/client/index.ts";
import {
  type GPGSigner,
  lookasideSignatures,
  type PrivateKey,
  requireSigner,
  requireWritableLookaside,
  signByGPG,
  signImage,
  storeSignature,
  trustKeys,
  verifyImage,
} from "../../signature/index.ts";
import { type Digest, encodeReference, mediaTypeKind, type Reference } from "../../spec/index.ts";
import { lookasideOf } from "./lookaside.ts";

/** Who signs. */
export interface Signers {
  readonly gpg?: GPGSigner | undefined;
  readonly privateKey?: PrivateKey | undefined;
  /** The name under which it is signed; absent: the one that it is pushed to. */
  readonly identity?: string | undefined;
}

/** Signs what the registry has under `digest`. */
type Sign = (
  client: RegistryClient,
  reference: Reference,
  digest: Digest,
  signal?: AbortSignal,
) => Promise<void>;

/** Sees to it that they can sign images of `reference`, before there is one. @throws {SigningFailed} {Unsupported} {InvalidRegistriesFile} */
export async function openSigners(
  { gpg, privateKey, identity }: Signers,
  reference: Reference,
): Promise<Sign> {
  const lookaside = gpg === undefined ? undefined : lookasideOf(reference, gpg.environment, "write");
  if (lookaside !== undefined) requireWritableLookaside(lookaside);
  if (gpg !== undefined) await requireSigner(gpg);
  return async (client, at, digest, signal) => {
    const name = identity ?? nameOf(at, digest);
    const root = await client.resolve(digest, signal);
    const images =
      root.document.kind === "index"
        ? root.document.index.manifests.filter(({ mediaType }) => mediaTypeKind(mediaType) !== "other")
        : [];
    for (const subject of [root, ...images]) {
      if (gpg !== undefined && lookaside !== undefined) {
        const signature = await signByGPG(gpg, name, subject.digest, signal);
        await storeSignature(lookaside, reference, subject.digest, signature);
      }
      if (privateKey !== undefined)
        await signImage(client, { subject, identity: name, key: privateKey, format: "simple" }, signal);
    }
  };
}

/** Those of `signers` who have not signed what the registry has under `digest`; of gpg's keys any signature counts. @throws {LookasideFailed} */
export async function missingSigners(
  { gpg, privateKey, identity }: Signers,
  client: RegistryClient,
  reference: Reference,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Signers | undefined> {
  const missing: Signers = {
    gpg: gpg !== undefined && (await isSignedByGPG(gpg, reference, digest, signal)) ? undefined : gpg,
    privateKey:
      privateKey !== undefined && (await isSignedBy(privateKey, identity, client, reference, digest, signal))
        ? undefined
        : privateKey,
    identity,
  };
  return missing.gpg === undefined && missing.privateKey === undefined ? undefined : missing;
}

async function isSignedByGPG(
  { environment }: GPGSigner,
  reference: Reference,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const lookaside = lookasideOf(reference, environment, "write");
  for await (const _signature of lookasideSignatures(lookaside, reference, digest, signal)) return true;
  return false;
}

async function isSignedBy(
  { publicKey }: PrivateKey,
  identity: string | undefined,
  client: RegistryClient,
  reference: Reference,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const name = identity ?? nameOf(reference, digest);
  const demand = {
    image: name,
    digests: [digest],
    trust: trustKeys([publicKey]),
    refuseIdentity: (signed: string | undefined) => (signed === name ? undefined : `one is for ${signed}`),
  };
  return await verifyImage(client, demand, signal).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, "signature-not-accepted")) return false;
      throw error;
    },
  );
}

function nameOf(reference: Reference, digest: Digest): string {
  return encodeReference({ ...reference, digest: reference.tag === undefined ? digest : undefined });
}
