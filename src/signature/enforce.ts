/** Whether a policy lets an image in. */
import type { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { messageOf, Unsupported } from "../base/index.ts";
import type { RegistryClient } from "../distribution/client/index.ts";
import { type Digest, encodeReference, type Reference } from "../spec/index.ts";
import { decodeBase64 } from "./base64.ts";
import { parseCertificates } from "./certificate.ts";
import { InvalidKey, PolicyRefused, SignatureNotAccepted } from "./errors.ts";
import type { KeySource } from "./gpg.ts";
import { refuseIdentity } from "./identity.ts";
import { parsePublicKey } from "./key.ts";
import {
  type PKI,
  type Policy,
  parsePolicy,
  requirementsFor,
  type SignedBy,
  type SigstoreSigned,
} from "./policy.ts";
import { trustedLog } from "./transparency-log.ts";
import { type Trust, trustIdentity, trustKeys } from "./trust.ts";
import { verifyImage } from "./verify.ts";

/** A policy, and the file that it is from. */
export interface PolicyFile {
  readonly path: string;
  readonly policy: Policy;
  /** The URL below which signatures by OpenPGP keys lie; absent: podman's folder. */
  readonly lookaside?: (reference: Reference) => string;
}

const DEFAULT_LOOKASIDE = "file:///var/lib/containers/sigstore";

/** Reads a policy. @throws {InvalidDocument} */
export async function readPolicy(path: string): Promise<PolicyFile> {
  return { path, policy: parsePolicy(await readFile(path, "utf8"), JSON.stringify(path)) };
}

/**
 * Asks a policy about an image, whose signatures are looked for with `client`.
 * @param digests  What the name names, then what that leads to for one platform.
 * @returns whether signatures were asked for, and are there
 * @throws {PolicyRefused} @throws {Unsupported} The policy asks for what is not built.
 */
export async function enforcePolicy(
  { path, policy, lookaside }: PolicyFile,
  client: RegistryClient,
  reference: Reference,
  digests: readonly Digest[],
  signal?: AbortSignal,
): Promise<boolean> {
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
      case "signedBy": {
        const signed = requirement as unknown as SignedBy; // checked when it was parsed
        if (signed.keyType !== "GPGKeys")
          throw new Unsupported({
            what: `signedBy of ${signed.keyType} in ${JSON.stringify(path)} for ${scope}`,
            why: "GPGKeys are built",
          });
        const identity = signed.signedIdentity ?? { type: "matchRepoDigestOrExact" };
        const { verifySignedBy } = await import("./signed-by.ts");
        const demand = {
          image,
          digests,
          reference,
          keys: await readKeyrings(signed, path),
          lookaside: lookaside?.(reference) ?? DEFAULT_LOOKASIDE,
          refuseIdentity: (name: string | undefined) => refuseIdentity(identity, reference, name),
        };
        await verifySignedBy(demand, signal).catch((error: unknown) => {
          signal?.throwIfAborted();
          throw error instanceof SignatureNotAccepted ? refused(messageOf(error), error) : error;
        });
        break;
      }
      case "sigstoreSigned": {
        const signed = requirement as SigstoreSigned; // checked when it was parsed
        const identity = signed.signedIdentity ?? { type: "matchRepoDigestOrExact" };
        const demand = {
          image,
          digests,
          trust: await readTrust(signed, path),
          refuseIdentity: (name: string | undefined) => refuseIdentity(identity, reference, name),
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
  return requirements.some(({ type }) => type === "sigstoreSigned" || type === "signedBy");
}

/** Whom a requirement trusts. */
async function readTrust(requirement: SigstoreSigned, path: string): Promise<Trust> {
  if (requirement.pki !== undefined) return await readCertified(requirement.pki, path);
  const { keyPath, keyPaths, keyData, keyDatas, fulcio } = requirement;
  const { rekorPublicKeyPath, rekorPublicKeyPaths, rekorPublicKeyData, rekorPublicKeyDatas } = requirement;
  const logs = await readAll(
    [rekorPublicKeyPath ?? [], rekorPublicKeyPaths ?? []].flat(),
    [rekorPublicKeyData ?? [], rekorPublicKeyDatas ?? []].flat(),
    path,
    trustedLog,
  );
  if (fulcio === undefined) {
    const keys = await readAll(
      [keyPath ?? [], keyPaths ?? []].flat(),
      [keyData ?? [], keyDatas ?? []].flat(),
      path,
      parsePublicKey,
    );
    return trustKeys(keys, logs);
  }
  const { caPath, caData, subjectEmail: subject, oidcIssuer: issuer } = fulcio;
  const authorities = await readAll([caPath ?? []].flat(), [caData ?? []].flat(), path, parseCertificates);
  return trustIdentity({ subject, issuer }, { authorities, logs });
}

/** Companies have many roots. */
const MAX_ROOTS = 1_000;

async function readCertified(pki: PKI, path: string): Promise<Trust> {
  const { caRootsPath, caRootsData, caIntermediatesPath, caIntermediatesData } = pki;
  const read = async (file?: string, data?: string): Promise<X509Certificate[]> =>
    (
      await readAll([file ?? []].flat(), [data ?? []].flat(), path, (pem, name) =>
        parseCertificates(pem, name, MAX_ROOTS),
      )
    ).flat();
  const [roots, between] = [
    await read(caRootsPath, caRootsData),
    await read(caIntermediatesPath, caIntermediatesData),
  ];
  const { trustCertified } = await import("./pki.ts");
  const subject = { email: pki.subjectEmail || undefined, hostname: pki.subjectHostname || undefined };
  return trustCertified(subject, roots, between);
}

async function readKeyrings({ keyPath, keyPaths, keyData }: SignedBy, policy: string): Promise<KeySource[]> {
  const keys: KeySource[] = [];
  for (const name of [keyPath ?? [], keyPaths ?? []].flat())
    keys.push({ name, bytes: await readKeyFile(name) });
  if (keyData === undefined) return keys;
  const name = `data in ${policy}`;
  const bytes = decodeBase64(keyData);
  if (bytes === undefined) throw new InvalidKey({ name, reason: "it is no base64" });
  return [{ name, bytes }];
}

/** What lies in files, and what stands in the policy itself, in base64. @throws {InvalidKey} */
async function readAll<T>(
  paths: readonly string[],
  data: readonly string[],
  policy: string,
  parse: (pem: string, name: string) => T,
): Promise<T[]> {
  const all: T[] = [];
  for (const path of paths) all.push(parse(await readKey(path), path));
  for (const text of data) {
    const name = `data in ${policy}`;
    const pem = decodeBase64(text);
    if (pem === undefined) throw new InvalidKey({ name, reason: "it is no base64" });
    all.push(parse(new TextDecoder().decode(pem), name));
  }
  return all;
}

async function readKey(file: string): Promise<string> {
  return new TextDecoder().decode(await readKeyFile(file));
}

async function readKeyFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new InvalidKey({ name: file, reason: "the file cannot be read" }, { cause: error });
  }
}
