/**
 * What transparency logs keep: an entry about a payload, a signature and a signer.
 * Source: rekor types hashedrekord and dsse, 0.0.1; rekor-tiles CLIENTS.md, hashedrekord and dsse, 0.0.2.
 */
import { createHash } from "node:crypto";
import { encodeBase64 } from "./base64.ts";

/** What an entry has to be about. */
export interface LoggedSignature {
  /** What the signature is over. */
  readonly message: Uint8Array;
  /** The same without its envelope. */
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** Of the signer, in DER: his certificate or his key. */
  readonly verifier: Uint8Array;
}

/** As much as is looked at; each field is compared, none is believed. */
interface Body {
  readonly kind?: unknown;
  readonly apiVersion?: unknown;
  readonly spec?: {
    readonly data?: { readonly hash?: Hash };
    readonly signature?: { readonly content?: unknown; readonly publicKey?: { readonly content?: unknown } };
    readonly payloadHash?: Hash;
    readonly signatures?: readonly { readonly signature?: unknown; readonly verifier?: unknown }[];
    readonly hashedRekordV002?: { readonly data?: Digest; readonly signature?: Signature };
    readonly dsseV002?: { readonly payloadHash?: Digest; readonly signatures?: readonly Signature[] };
  };
}

interface Hash {
  readonly algorithm?: unknown;
  /** In hex. */
  readonly value?: unknown;
}

interface Digest {
  readonly algorithm?: unknown;
  /** In base64. */
  readonly digest?: unknown;
}

interface Signature {
  readonly content?: unknown;
  readonly verifier?: {
    readonly publicKey?: { readonly rawBytes?: unknown };
    readonly x509Certificate?: { readonly rawBytes?: unknown };
  };
}

/** The algorithm is the signer's choice in the second version. */
const HASHES: ReadonlyMap<unknown, string> = new Map([
  ["SHA2_256", "sha256"],
  ["SHA2_384", "sha384"],
  ["SHA2_512", "sha512"],
]);

/**
 * Whether `body`, which is base64, is about this payload, this signature and this signer: an entry about any other is worth nothing
 * (CVE-2022-36056 and its kind).
 */
export function isAbout(body: string, about: LoggedSignature): boolean {
  const { kind, apiVersion, spec } = parse(body);
  const isSecond = apiVersion === "0.0.2";
  switch (kind) {
    case "hashedrekord":
      return isSecond ? isRecord2(spec?.hashedRekordV002, about) : isRecord1(spec, about);
    case "dsse":
      return isSecond ? isEnvelope2(spec?.dsseV002, about) : isEnvelope1(spec, about);
    default:
      return false;
  }
}

type Spec = NonNullable<Body["spec"]>;

function isRecord1(spec: Spec | undefined, about: LoggedSignature): boolean {
  const { content, publicKey } = spec?.signature ?? {};
  return isHash(spec?.data?.hash, about.message) && isSigned1(content, publicKey?.content, about);
}

function isEnvelope1(spec: Spec | undefined, about: LoggedSignature): boolean {
  return (
    isHash(spec?.payloadHash, about.payload) &&
    some(spec?.signatures, ({ signature, verifier }) => isSigned1(signature, verifier, about))
  );
}

function isRecord2(record: Spec["hashedRekordV002"], about: LoggedSignature): boolean {
  return isDigest(record?.data, about.message) && isSigned2(record?.signature, about);
}

function isEnvelope2(envelope: Spec["dsseV002"], about: LoggedSignature): boolean {
  return (
    isDigest(envelope?.payloadHash, about.payload) &&
    some(envelope?.signatures, (one) => isSigned2(one, about))
  );
}

function parse(body: string): Body {
  try {
    return (JSON.parse(Buffer.from(body, "base64").toString()) ?? {}) as Body; // see there
  } catch {
    return {}; // of no kind
  }
}

function some<T>(list: readonly T[] | undefined, is: (one: T) => boolean): boolean {
  return Array.isArray(list) && list.some((one) => one !== null && is(one));
}

function isHash(hash: Hash | undefined, bytes: Uint8Array): boolean {
  return hash?.algorithm === "sha256" && hash.value === createHash("sha256").update(bytes).digest("hex");
}

function isDigest(digest: Digest | undefined, bytes: Uint8Array): boolean {
  const algorithm = HASHES.get(digest?.algorithm);
  return algorithm !== undefined && digest?.digest === createHash(algorithm).update(bytes).digest("base64");
}

function isSigned1(content: unknown, verifier: unknown, about: LoggedSignature): boolean {
  return content === encodeBase64(about.signature) && isPEM(verifier, about.verifier);
}

function isSigned2(signature: Signature | undefined, about: LoggedSignature): boolean {
  const { publicKey, x509Certificate } = signature?.verifier ?? {};
  const verifier = (x509Certificate ?? publicKey)?.rawBytes;
  return signature?.content === encodeBase64(about.signature) && verifier === encodeBase64(about.verifier);
}

/** `verifier` is base64 of PEM. */
function isPEM(verifier: unknown, der: Uint8Array): boolean {
  const pem = typeof verifier === "string" ? Buffer.from(verifier, "base64").toString() : "";
  const [, inner = ""] = /^-----BEGIN [A-Z ]+-----([^-]+)-----END [A-Z ]+-----\s*$/.exec(pem) ?? [];
  return inner !== "" && Buffer.compare(Buffer.from(inner, "base64"), der) === 0;
}
