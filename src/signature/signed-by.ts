/**
 * Whether somebody signed an image with one of some OpenPGP keys, as podman's and skopeo's `--sign-by` do. A signature counts only for the
 * digest that it names and only under a name that is asked for. Source: containers/image docs/containers-signature.5.md.
 */
import { messageOf } from "../base/index.ts";
import type { Digest, Reference } from "../spec/index.ts";
import { SignatureNotAccepted } from "./errors.ts";
import { Keyring, type KeySource } from "./gpg.ts";
import { lookasideSignatures, type StoredSignature } from "./lookaside.ts";
import { GPG_TYPE, parsePayload } from "./simple-signing.ts";
import type { Demand } from "./verify.ts";

/** What is asked, and where signatures are. */
export interface GPGDemand extends Omit<Demand, "trust"> {
  readonly reference: Reference;
  readonly keys: readonly KeySource[];
  /** A URL; see `lookasideSignatures()`. */
  readonly lookaside: string;
}

/** Looks for a signature that counts. @throws {SignatureNotAccepted} {InvalidKey} {Unsupported} */
export async function verifySignedBy(demand: GPGDemand, signal?: AbortSignal): Promise<void> {
  await using keyring = await Keyring.open(demand.keys, signal);
  const reasons: string[] = [];
  for (const digest of demand.digests)
    for await (const found of lookasideSignatures(demand.lookaside, demand.reference, digest, signal)) {
      const refusal = await judge(keyring, found, digest, demand, signal);
      if (refusal === undefined) return;
      reasons.push(refusal);
    }
  throw new SignatureNotAccepted({ image: demand.image, reasons });
}

/** @returns why it does not count, if so */
async function judge(
  keyring: Keyring,
  found: StoredSignature,
  digest: Digest,
  demand: GPGDemand,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (typeof found === "string") return found;
  // A name of a format may stand in front: "\0sigstore-json\n".
  if (found[0] === 0) return "one is of another format";
  try {
    const { payload } = await keyring.verify(found, signal);
    const { identity, digests } = parsePayload(payload, GPG_TYPE);
    if (!digests.includes(digest)) return `one is of ${digests[0]}, not of this image`;
    return demand.refuseIdentity(identity);
  } catch (error) {
    signal?.throwIfAborted();
    return messageOf(error);
  }
}
