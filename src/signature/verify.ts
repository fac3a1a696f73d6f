/**
 * Whether somebody whom we trust signed an image. A signature counts only for the digest that it names, whatever it is attached to
 * (zot #4202, cosign GHSA-w6c6-c85g-mmv6), and only under a name that is asked for.
 */
import { messageOf } from "../base/index.ts";
import type { RegistryClient } from "../distribution/client/index.ts";
import type { Digest } from "../spec/index.ts";
import { decodeBase64 } from "./base64.ts";
import { parseBundle } from "./bundle.ts";
import { SignatureNotAccepted } from "./errors.ts";
import { type FoundSignature, findSignatures } from "./find.ts";
import {
  CERTIFICATE_ANNOTATION,
  CHAIN_ANNOTATION,
  type Claim,
  LOG_ANNOTATION,
  parseLogAnnotation,
  parsePayload,
  parseTimestampAnnotation,
  SIGNATURE_ANNOTATION,
  TIMESTAMP_ANNOTATION,
} from "./simple-signing.ts";
import type { Signed, Trust } from "./trust.ts";

/** What is asked of a signature. */
export interface Demand {
  /** What the image is called in messages. */
  readonly image: string;
  /** Of the image: what its name names, and what that leads to. One signed is enough, since each holds the next one's digest. */
  readonly digests: readonly Digest[];
  readonly trust: Trust;
  /** @returns why the name under which it was signed will not do, if so */
  readonly refuseIdentity: (identity: string | undefined) => string | undefined;
}

/** A signature that counts. */
export interface AcceptedSignature {
  readonly format: "simple" | "bundle";
  readonly digest: Digest;
  readonly identity: string | undefined;
  /** The key's name, or the subject of the certificate. */
  readonly signer: string;
}

/** Looks for a signature that counts. @throws {SignatureNotAccepted} with what is wrong with each that there is */
export async function verifyImage(
  client: RegistryClient,
  demand: Demand,
  signal?: AbortSignal,
): Promise<AcceptedSignature> {
  const reasons: string[] = [];
  for (const digest of demand.digests)
    for await (const found of findSignatures(client, digest, signal)) {
      const judged = judge(found, digest, demand);
      if (typeof judged !== "string") return judged;
      reasons.push(judged);
    }
  throw new SignatureNotAccepted({ image: demand.image, reasons });
}

function judge(found: FoundSignature, digest: Digest, demand: Demand): AcceptedSignature | string {
  try {
    if (found.kind === "unreadable") return found.reason;
    // Who signed comes first: what others wrote is not even read further than to know that.
    const { claim, ...signed } = found.kind === "simple" ? fromSimple(found) : fromBundle(found.bytes);
    const signer = demand.trust.signerOf(signed);
    const { identity, digests } = claim();
    if (!digests.includes(digest)) return `one is of ${digests[0]}, not of this image`;
    const refusal = demand.refuseIdentity(identity);
    return refusal ?? { format: found.kind, digest, identity, signer };
  } catch (error) {
    return messageOf(error);
  }
}

function fromSimple({
  payload,
  annotations,
}: FoundSignature & { kind: "simple" }): Signed & { claim: () => Claim } {
  const signature = decodeBase64(annotations[SIGNATURE_ANNOTATION] ?? "");
  if (signature === undefined || signature.length === 0)
    throw new RangeError("one has no signature in base64");
  return {
    message: payload,
    payload,
    signatures: [signature],
    certificate: annotations[CERTIFICATE_ANNOTATION],
    chain: annotations[CHAIN_ANNOTATION],
    entries: parseLogAnnotation(annotations[LOG_ANNOTATION]),
    timestamps: parseTimestampAnnotation(annotations[TIMESTAMP_ANNOTATION]),
    claim: () => parsePayload(payload),
  };
}

function fromBundle(bytes: Uint8Array): Signed & { claim: () => Claim } {
  const { claim, ...signed } = parseBundle(bytes);
  return { ...signed, claim: () => claim };
}
