/** Whether a policy lets an image in. */
import { readFile } from "node:fs/promises";
import { messageOf, Unsupported } from "../base/index.ts";
import type { RegistryClient } from "../distribution/client/index.ts";
import { type Digest, encodeReference, type Reference } from "../spec/index.ts";
import { decodeBase64 } from "./base64.ts";
import { InvalidKey, PolicyRefused } from "./errors.ts";
import { refuseIdentity } from "./identity.ts";
import { type PublicKey, parsePublicKey } from "./key.ts";
import {
  type Policy,
  parsePolicy,
  type Requirement,
  requirementsFor,
  type SigstoreSigned,
} from "./policy.ts";
import { trustKeys } from "./trust.ts";
import { verifyImage } from "./verify.ts";

/** A policy, and the file that it is from. */
export interface PolicyFile {
  readonly path: string;
  readonly policy: Policy;
}

/** Reads a policy. @throws {InvalidDocument} */
export async function readPolicy(path: string): Promise<PolicyFile> {
  return { path, policy: parsePolicy(await readFile(path, "utf8"), JSON.stringify(path)) };
}

/**
 * Asks a policy about an image, whose signatures are looked for with `client`.
 * @param digests  What the name names, then what that leads to for one platform.
 * @throws {PolicyRefused} @throws {Unsupported} The policy asks for what is not built.
 */
export async function enforcePolicy(
  { path, policy }: PolicyFile,
  client: RegistryClient,
  reference: Reference,
  digests: readonly Digest[],
  signal?: AbortSignal,
): Promise<void> {
  const image = encodeReference(reference);
  const { scope, requirements } = requirementsFor(policy, reference);
  const refused = (reason: string, cause?: unknown): PolicyRefused =>
    new PolicyRefused({ image, policy: path, scope, reason }, { cause });
  // Each must hold.
  for (const requirement of requirements)
    switch (requirement.type) {
      case "insecureAcceptAnything":
        break;
      case "reject":
        throw refused("it is to be rejected");
      case "signedBy":
        throw new Unsupported({
          what: `signedBy in ${JSON.stringify(path)} for ${scope}`,
          why: "signatures by GPG are not built",
        });
      case "sigstoreSigned": {
        const { keys, signedIdentity } = await readRequirement(requirement, path, scope);
        const identity = signedIdentity ?? { type: "matchRepoDigestOrExact" };
        const demand = {
          image,
          digests,
          trust: trustKeys(keys),
          refuseIdentity: (signed: string | undefined) => refuseIdentity(identity, reference, signed),
        };
        try {
          await verifyImage(client, demand, signal);
        } catch (error) {
          signal?.throwIfAborted();
          throw refused(messageOf(error), error);
        }
        break;
      }
      default:
        requirement satisfies never;
    }
}

async function readRequirement(
  requirement: Requirement & { type: "sigstoreSigned" },
  path: string,
  scope: string,
): Promise<{ keys: PublicKey[]; signedIdentity: SigstoreSigned["signedIdentity"] }> {
  const known = ["type", "keyPath", "keyPaths", "keyData", "keyDatas", "signedIdentity"];
  const unbuilt = Object.keys(requirement).find((name) => !known.includes(name));
  if (unbuilt !== undefined)
    throw new Unsupported({
      what: `sigstoreSigned.${unbuilt} in ${JSON.stringify(path)} for ${scope}`,
      why: "only keys are built",
    });
  const signed = requirement as SigstoreSigned; // checked when it was parsed
  const keys: PublicKey[] = [];
  for (const file of [signed.keyPath ?? [], signed.keyPaths ?? []].flat())
    keys.push(parsePublicKey(await readKey(file), file));
  for (const data of [signed.keyData ?? [], signed.keyDatas ?? []].flat()) {
    const name = `keyData in ${path}`;
    const pem = decodeBase64(data);
    if (pem === undefined) throw new InvalidKey({ name, reason: "it is no base64" });
    keys.push(parsePublicKey(new TextDecoder().decode(pem), name));
  }
  return { keys, signedIdentity: signed.signedIdentity };
}

async function readKey(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new InvalidKey({ name: file, reason: "the file cannot be read" }, { cause: error });
  }
}
