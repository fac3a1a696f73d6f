/**
 * Keys that sign images. The key decides by which algorithm and hash a signature is checked, never the signature or the document
 * around it (CVE-2025-24976 and its kind). Source: sigstore, pkg/signature, LoadVerifier; RFC 8410, 5915, 5208.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { Unsupported } from "../base/index.ts";
import { InvalidKey } from "./errors.ts";
import { isSealed, sealKey, unsealKey } from "./sealed-key.ts";

/** Verifies what its owner signed. */
export interface PublicKey {
  /** What it is called in messages. */
  readonly name: string;
  /** Which signatures by it are not understood. */
  readonly limit?: string;
  /** It itself. */
  readonly der: Uint8Array;
  /** SHA-256 of it, in base64: by this, bundles say which key they want. */
  readonly hint: string;
  isSignature(message: Uint8Array, signature: Uint8Array): boolean;
}

/** Signs. */
export interface PrivateKey {
  readonly publicKey: PublicKey;
  sign(message: Uint8Array): Uint8Array;
}

/** `null`: the algorithm hashes by itself. */
type Hash = "sha256" | "sha384" | "sha512" | null;

/** Cosign signs with SHA-256 by any key, the bundles' own rule is the hash that fits the curve. */
const CURVE_HASHES: Readonly<Record<string, readonly [Hash, ...Hash[]]>> = {
  prime256v1: ["sha256"],
  secp384r1: ["sha256", "sha384"],
  secp521r1: ["sha256", "sha512"],
};
const MIN_RSA_BITS = 2048;
const PUBLIC =
  /^\s*-----BEGIN (?:RSA )?PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END (?:RSA )?PUBLIC KEY-----\s*$/;
const PRIVATE = /^\s*-----BEGIN (?:(?:RSA|EC|ENCRYPTED) )?PRIVATE KEY-----/;
/** PKCS#8, and the older way of openssl (RFC 1421, 4.6.1.1). */
const ENCRYPTED =
  /^\s*-----BEGIN (?:ENCRYPTED PRIVATE KEY-----|[A-Z]+ PRIVATE KEY-----\r?\nProc-Type: 4,ENCRYPTED)/;

/** Reads a public key in PEM. @param name  What it is called in messages: its file. @throws {InvalidKey} */
export function parsePublicKey(pem: string, name: string): PublicKey {
  // A private key has a public half too, but is a mistake here.
  if (!PUBLIC.test(pem)) throw new InvalidKey({ name, reason: "it is not one public key in PEM" });
  return publicKeyOf(
    read(() => createPublicKey(pem), name),
    name,
  );
}

/** A public key of node's. @throws {InvalidKey} @throws {Unsupported} */
export function publicKeyOf(key: KeyObject, name: string): PublicKey {
  const hashes = hashesOf(key, name);
  const der = key.export({ type: "spki", format: "der" });
  return {
    name,
    // node:crypto has no hook for the prefix that RFC 8032, 5.1 puts before the hash.
    ...(key.asymmetricKeyType === "ed25519" && { limit: "Ed25519ph, by which cosign signs, is not built" }),
    der,
    hint: createHash("sha256").update(der).digest("base64"),
    isSignature: (message, signature) =>
      hashes.some((hash) => {
        try {
          return verify(hash, message, key, signature);
        } catch {
          return false; // bytes that are no signature of this algorithm at all
        }
      }),
  };
}

/** Asked for a password once it is known that one is needed. @returns undefined: there is none */
export type AskPassword = () => string | undefined | Promise<string | undefined>;

/**
 * Reads a private key in PEM: PKCS#8, what openssl makes for one algorithm, or what cosign and skopeo encrypt.
 * @param askPassword  Of an encrypted one.
 * @throws {InvalidKey} @throws {Unsupported} @throws {InvalidDocument} @throws {InvalidJSON}
 */
export async function parsePrivateKey(
  pem: string,
  name: string,
  askPassword: AskPassword = () => undefined,
): Promise<PrivateKey> {
  const key = await readPrivateKey(pem, name, askPassword);
  const [hash] = hashesOf(key, name);
  return {
    publicKey: publicKeyOf(createPublicKey(key), name),
    sign: (message) => sign(hash, message, key),
  };
}

async function readPrivateKey(pem: string, name: string, askPassword: AskPassword): Promise<KeyObject> {
  const hasBox = isSealed(pem);
  if (!hasBox && !PRIVATE.test(pem)) throw new InvalidKey({ name, reason: "it is not a private key in PEM" });
  if (!hasBox && !ENCRYPTED.test(pem)) return read(() => createPrivateKey(pem), name);
  const password = await askPassword();
  if (password === undefined)
    throw new InvalidKey(
      { name, reason: "it is encrypted" },
      { hint: "Set COSIGN_PASSWORD to its password" },
    );
  if (hasBox) {
    const der = Buffer.from(await unsealKey(pem, name, password));
    return read(() => createPrivateKey({ key: der, format: "der", type: "pkcs8" }), name);
  }
  const reason = "it cannot be read by this password";
  return read(() => createPrivateKey({ key: pem, passphrase: password }), name, reason);
}

/** A new pair for ECDSA on P-256, in PEM, as cosign makes them but not encrypted. */
export function generateKeyPair(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
}

/** Encrypts a private key of {@link generateKeyPair} as cosign and skopeo do. @param password  May be empty. @returns PEM */
export async function encryptPrivateKey(pem: string, password: string): Promise<string> {
  return await sealKey(createPrivateKey(pem).export({ type: "pkcs8", format: "der" }), password);
}

/** With what a key is used, the way to sign first. */
function hashesOf(key: KeyObject, name: string): readonly [Hash, ...Hash[]] {
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return [null];
    case "rsa":
      if (modulusLength < MIN_RSA_BITS)
        throw new InvalidKey({
          name,
          reason: `RSA of ${modulusLength} bits is too weak, ${MIN_RSA_BITS} at least`,
        });
      return ["sha256"];
    case "ec": {
      const hashes = CURVE_HASHES[namedCurve];
      if (hashes !== undefined) return hashes;
      throw new Unsupported({
        what: `key ${JSON.stringify(name)}`,
        why: `curve ${namedCurve} is not one of P-256, P-384, P-521`,
      });
    }
    default:
      throw new Unsupported({
        what: `key ${JSON.stringify(name)}`,
        why: `${key.asymmetricKeyType} is not one of ECDSA, RSA (PKCS#1 v1.5), Ed25519`,
      });
  }
}

function read(make: () => KeyObject, name: string, reason = "it cannot be read"): KeyObject {
  try {
    return make();
  } catch (error) {
    throw new InvalidKey({ name, reason }, { cause: error });
  }
}
