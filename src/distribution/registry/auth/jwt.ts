/**
 * JSON Web Tokens, signed by keys that we were given beforehand: a token's own `jwk`, `jku` or `x5c` is never looked at, and
 * the key decides which algorithm there is, not the token (CVE-2025-24976 and its kind).
 * Source: RFC 7515, 7517, 7518, 7519; RFC 8725 for what not to do.
 */
import type { webcrypto } from "node:crypto";

/** What a key may sign with. No symmetric algorithm: a public key could be taken for its secret. */
const ALGORITHMS = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  RS384: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
  RS512: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  ES256: { name: "ECDSA", hash: "SHA-256", namedCurve: "P-256" },
  ES384: { name: "ECDSA", hash: "SHA-384", namedCurve: "P-384" },
  EdDSA: { name: "Ed25519" },
} as const;

/** One of them. */
export type JwtAlgorithm = keyof typeof ALGORITHMS;

/** A key by which tokens are verified. */
export interface VerificationKey {
  readonly id: string | undefined;
  readonly algorithm: JwtAlgorithm;
  readonly key: CryptoKey;
}

/** Whether text names an algorithm that is taken. */
export function isJwtAlgorithm(text: unknown): text is JwtAlgorithm {
  return typeof text === "string" && Object.hasOwn(ALGORITHMS, text);
}

/** The claims of a token that `keys` signed; undefined if they did not, or its text is none. Times are not looked at. */
export async function verifyJwt(
  token: string,
  keys: readonly VerificationKey[],
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const [header, claims, signature, ...more] = token.split(".");
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0)
    return undefined;
  const parsed = parseObject(header);
  // Extensions that must be understood are not (RFC 7515, 4.1.11).
  if (parsed === undefined || "crit" in parsed) return undefined;
  const { kid, alg } = parsed;
  for (const { id, algorithm, key } of keys) {
    if (alg !== algorithm || (kid !== undefined && id !== undefined && kid !== id)) continue;
    const bytes = Buffer.from(signature, "base64url");
    const signed = Buffer.from(`${header}.${claims}`);
    if (await crypto.subtle.verify(ALGORITHMS[algorithm], key, bytes, signed)) return parseObject(claims);
  }
  return undefined;
}
const MAX_TOKEN_LENGTH = 16 << 10;

/** Signs `claims`. */
export async function signJwt(
  claims: object,
  signer: { readonly id: string; readonly algorithm: JwtAlgorithm; readonly key: CryptoKey },
): Promise<string> {
  const header = encodePart({ typ: "JWT", alg: signer.algorithm, kid: signer.id });
  const text = `${header}.${encodePart(claims)}`;
  const signature = await crypto.subtle.sign(ALGORITHMS[signer.algorithm], signer.key, Buffer.from(text));
  return `${text}.${Buffer.from(signature).toString("base64url")}`;
}

/** Reads a JSON Web Key Set; keys of other kinds, and keys that do not sign, are passed over. */
export async function readKeySet(document: unknown): Promise<VerificationKey[]> {
  const { keys } = (typeof document === "object" && document !== null ? document : {}) as { keys?: unknown };
  if (!Array.isArray(keys)) return [];
  const read: VerificationKey[] = [];
  for (const jwk of keys as (webcrypto.JsonWebKey & { kid?: unknown })[]) {
    const algorithm = isJwtAlgorithm(jwk["alg"]) ? jwk["alg"] : usualAlgorithm(jwk);
    if (algorithm === undefined || (jwk["use"] !== undefined && jwk["use"] !== "sig")) continue;
    // The private half, should somebody have left it there, is not needed.
    const { d: _private, key_ops: _operations, ...publicHalf } = jwk;
    const key = await crypto.subtle.importKey("jwk", publicHalf, ALGORITHMS[algorithm], false, ["verify"]);
    read.push({ id: typeof jwk.kid === "string" ? jwk.kid : undefined, algorithm, key });
  }
  return read;
}

function usualAlgorithm({ kty, crv }: webcrypto.JsonWebKey): JwtAlgorithm | undefined {
  if (kty === "RSA") return "RS256";
  if (kty === "OKP") return crv === "Ed25519" ? "EdDSA" : undefined;
  return crv === "P-256" ? "ES256" : crv === "P-384" ? "ES384" : undefined;
}

function encodePart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function parseObject(part: string): Record<string, unknown> | undefined {
  const bytes = Buffer.from(part, "base64url");
  // Text that is not base64url decodes to something all the same.
  if (bytes.toString("base64url") !== part) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // not JSON, so no token
  }
}
