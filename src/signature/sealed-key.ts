/**
 * Private keys as cosign, skopeo and podman keep them: PKCS#8 in a box (XSalsa20 and Poly1305) that opens with what scrypt makes of a password.
 * Source: go-securesystemslib encrypted/encrypted.go; cosign pkg/cosign/keys.go (names in PEM); RFC 7914 (scrypt).
 */
import { randomBytes, scrypt } from "node:crypto";
import { type Check, mustBe, object, oneOf, parseJSON, string } from "../spec/index.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { InvalidKey } from "./errors.ts";

interface Sealed {
  readonly kdf: {
    readonly name: string;
    readonly params: { readonly N: number; readonly r: number; readonly p: number };
    readonly salt: string;
  };
  readonly cipher: { readonly name: string; readonly nonce: string };
  readonly ciphertext: string;
}

const PEM =
  /^\s*-----BEGIN (ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----\s*$/;
const BEGIN = /^\s*-----BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY-----/;
const [KDF, CIPHER] = ["scrypt", "nacl/secretbox"];
/** The three that the makers know; whatever else a file asks for could take all memory and time. The second is theirs for new keys. */
const COSTS = [2 ** 15, 2 ** 16, 2 ** 17] as const;
const COST = COSTS[1];
const [BLOCK, LANES] = [8, 1];
/** Twice what the highest cost takes. */
const MAX_MEMORY = 2 * 128 * COSTS[2] * BLOCK;
const [KEY_BYTES, NONCE_BYTES, SALT_BYTES] = [32, 24, 32];

const only =
  (...wanted: readonly number[]): Check<number> =>
  (value) =>
    wanted.some((one) => one === value)
      ? undefined
      : [{ path: [], found: JSON.stringify(value) ?? "nothing", wants: wanted.join(" or ") }];
const sealedCheck = object<Sealed>({
  kdf: object<Sealed["kdf"]>({
    name: oneOf([KDF]),
    params: object<Sealed["kdf"]["params"]>({ N: only(...COSTS), r: only(BLOCK), p: only(LANES) }),
    salt: string,
  }),
  cipher: object<Sealed["cipher"]>({ name: oneOf([CIPHER]), nonce: string }),
  ciphertext: string,
});

/** Whether a file has such a key. */
export function isSealed(pem: string): boolean {
  return BEGIN.test(pem);
}

/**
 * Opens one.
 * @returns PKCS#8, in DER
 * @throws {InvalidKey} the password is wrong, or the file damaged
 * @throws {InvalidDocument} @throws {InvalidJSON} what is in it is not understood
 */
export async function unsealKey(pem: string, name: string, password: string): Promise<Uint8Array> {
  const text = decodeBase64((PEM.exec(pem)?.[2] ?? "").replaceAll(/\s/g, ""));
  if (text === undefined || text.length === 0)
    throw new InvalidKey({ name, reason: "it is not one private key in PEM" });
  const inside = `key ${JSON.stringify(name)}`;
  const sealed = mustBe(sealedCheck, parseJSON(new TextDecoder().decode(text), inside), inside);
  const [salt, nonce, ciphertext] = [sealed.kdf.salt, sealed.cipher.nonce, sealed.ciphertext].map(
    (one) => decodeBase64(one) ?? new Uint8Array(),
  ) as [Uint8Array, Uint8Array, Uint8Array]; // three of three
  if (salt.length === 0 || nonce.length !== NONCE_BYTES || ciphertext.length === 0)
    throw new InvalidKey({ name, reason: "its salt, nonce or ciphertext is not what it has to be" });
  const key = await deriveKey(password, salt, sealed.kdf.params.N);
  // Loaded for these keys alone.
  const { xsalsa20poly1305 } = await import("@noble/ciphers/salsa.js");
  try {
    return xsalsa20poly1305(key, nonce).decrypt(ciphertext);
  } catch (error) {
    throw new InvalidKey(
      { name, reason: "its password is another, or the file is damaged" },
      { cause: error },
    );
  }
}

/** Seals one as cosign does. @param der  PKCS#8 @returns PEM */
export async function sealKey(der: Uint8Array, password: string): Promise<string> {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)];
  const key = await deriveKey(password, salt, COST);
  const { xsalsa20poly1305 } = await import("@noble/ciphers/salsa.js");
  const sealed: Sealed = {
    kdf: { name: KDF, params: { N: COST, r: BLOCK, p: LANES }, salt: encodeBase64(salt) },
    cipher: { name: CIPHER, nonce: encodeBase64(nonce) },
    ciphertext: encodeBase64(xsalsa20poly1305(key, nonce).encrypt(der)),
  };
  const lines = encodeBase64(Buffer.from(JSON.stringify(sealed))).replaceAll(/.{1,64}/g, "$&\n");
  return `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n${lines}-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n`;
}

async function deriveKey(password: string, salt: Uint8Array, N: number): Promise<Uint8Array> {
  const options = { N, r: BLOCK, p: LANES, maxmem: MAX_MEMORY };
  return await new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
