/**
 * Time stamps of signatures: an authority's word that it saw a signature at some time. They are what tells when a signature was made whose log does not
 * (Rekor, version 2), and are verified offline, by certificates of the authority that are given.
 * Source: RFC 3161, 2.4.2 (responses, TSTInfo); RFC 5652, 5 (signed data); RFC 5816 (which certificate signed).
 */
import { createHash, type X509Certificate } from "node:crypto";
import { messageOf } from "../base/index.ts";
import { type Authority, parseCertificate, requireCertified } from "./certificate.ts";
import { type Element, elementsOf } from "./der.ts";
import { publicKeyOf } from "./key.ts";

/** Who is trusted to tell the time. */
export interface TimestampAuthority {
  /** Its own, and those above it. */
  readonly certificates: Authority;
  /** What it says of other times than these, in milliseconds, counts for nothing. */
  readonly fromMs: number;
  readonly toMs: number;
}

const MAX_TIMESTAMPS = 10;
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
const [OCTET_STRING, SET, FIRST] = [0x04, 0x31, 0xa0];
/** 1.2.840.113549.1.7.2 */
const SIGNED_DATA = "2a864886f70d010702";
/** 1.2.840.113549.1.9.16.1.4 */
const TST_INFO = "2a864886f70d0109100104";
/** 1.2.840.113549.1.9.3 and 4. */
const CONTENT_TYPE = "2a864886f70d010903";
const MESSAGE_DIGEST = "2a864886f70d010904";
/** 1.2.840.113549.1.9.16.2.12 and 47: by SHA-1, and by what is named. */
const SIGNING_CERTIFICATES = ["2a864886f70d010910020c", "2a864886f70d010910022f"];
/** Each hash has a length of its own here. */
const HASHES = new Map([
  [32, "sha256"],
  [48, "sha384"],
  [64, "sha512"],
]);

/**
 * When `authorities` saw `signature`, each time that one says.
 * @param timestamps  TimeStampResp, in DER.
 * @returns milliseconds, one at least
 * @throws {RangeError} none did
 */
export function timestampedAt(
  timestamps: readonly Uint8Array[],
  signature: Uint8Array,
  authorities: readonly TimestampAuthority[],
): number[] {
  let why = "nobody says when one was made: it has neither a log's time nor a time stamp";
  const times: number[] = [];
  for (const timestamp of timestamps.slice(0, MAX_TIMESTAMPS))
    try {
      times.push(timeOf(parseTimestamp(timestamp), signature, authorities));
    } catch (error) {
      why = messageOf(error); // all of it is anybody's: whatever is wrong with it, it is none
    }
  if (times.length === 0) throw new RangeError(why);
  return times;
}

interface Timestamp {
  /** TSTInfo: what is said. */
  readonly info: Uint8Array;
  readonly timeMs: number;
  /** The hash of what was seen. */
  readonly imprint: Uint8Array;
  /** What the authority's signature is over. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  /** Of `info`, in the message. */
  readonly digest: Uint8Array;
  /** Of the certificate whose key signed, in the message. */
  readonly certificateHash: Uint8Array;
  readonly certificates: readonly X509Certificate[];
}

function timeOf(
  timestamp: Timestamp,
  signature: Uint8Array,
  authorities: readonly TimestampAuthority[],
): number {
  const { info, imprint, digest, timeMs } = timestamp;
  if (!isHashOf(digest, info)) throw new RangeError("a time stamp is about another time");
  if (!isHashOf(imprint, signature)) throw new RangeError("a time stamp is about another signature");
  let why = "a time stamp is of no authority that is trusted";
  for (const { certificates, fromMs, toMs } of authorities) {
    const signer = signerOf(timestamp, [...certificates, ...timestamp.certificates]);
    if (signer === undefined) continue;
    try {
      // Its own certificate may be given alone.
      if (!certificates.some(({ raw }) => Buffer.compare(raw, signer.raw) === 0) || certificates.length > 1)
        requireCertified(signer, [certificates.filter(({ ca }) => ca)], timestamp.certificates, timeMs);
      if (fromMs <= timeMs && timeMs <= toMs) return timeMs;
      why = `a time stamp is of ${new Date(timeMs).toISOString()}, when its authority was not trusted`;
    } catch (error) {
      why = messageOf(error);
    }
  }
  throw new RangeError(why);
}

/** The certificate that the time stamp names, if its key signed and is for nothing but this. */
function signerOf(
  { message, signature, certificateHash }: Timestamp,
  certificates: Authority,
): X509Certificate | undefined {
  return certificates.find(
    ({ raw, publicKey, keyUsage }) =>
      isHashOf(certificateHash, raw, "sha1") &&
      keyUsage?.join() === TIME_STAMPING &&
      publicKeyOf(publicKey, "time stamps").isSignature(message, signature),
  );
}

/** @param short  What hashes to 20 bytes, where such a hash will do. */
function isHashOf(hash: Uint8Array, bytes: Uint8Array, short?: string): boolean {
  const algorithm = HASHES.get(hash.length) ?? (hash.length === 20 ? short : undefined);
  return algorithm !== undefined && Buffer.compare(createHash(algorithm).update(bytes).digest(), hash) === 0;
}

/** @throws {RangeError} */
function parseTimestamp(der: Uint8Array): Timestamp {
  const [status, content] = partsOf(elementsOf(der)[0]);
  const granted = partsOf(status)[0]?.content;
  if (granted?.length !== 1 || (granted[0] ?? 2) > 1) throw new RangeError("a time stamp was refused");
  const [type, explicit] = partsOf(content);
  if (hex(type) !== SIGNED_DATA) throw new RangeError("a time stamp is not signed");
  const [, , encapsulated, ...rest] = partsOf(partsOf(explicit)[0]);
  const [infoType, octets] = partsOf(encapsulated);
  const info = partsOf(octets)[0];
  if (hex(infoType) !== TST_INFO || info === undefined) throw new RangeError("a time stamp says no time");
  const signers = partsOf(rest.findLast(({ tag }) => tag === SET));
  if (signers.length !== 1) throw new RangeError(`a time stamp has ${signers.length} signers`);
  const signer = partsOf(signers[0]);
  const attributes = signer.find(({ tag }) => tag === FIRST);
  const signature = signer.find(({ tag }) => tag === OCTET_STRING);
  if (attributes === undefined || signature === undefined)
    throw new RangeError("a time stamp is not signed in the way of RFC 3161");
  const value = (...ids: string[]): Element | undefined => {
    const found = partsOf(attributes).find((one) => ids.includes(hex(partsOf(one)[0])));
    return partsOf(partsOf(found)[1])[0];
  };
  if (hex(value(CONTENT_TYPE)) !== TST_INFO) throw new RangeError("a time stamp is signed as something else");
  const named = partsOf(partsOf(partsOf(value(...SIGNING_CERTIFICATES))[0])[0]);
  const certificates = partsOf(rest.find(({ tag }) => tag === FIRST)).slice(0, MAX_TIMESTAMPS);
  return {
    ...parseInfo(info.content),
    // As it was signed: a set, and not the signer's first field.
    message: Buffer.concat([Uint8Array.of(SET), attributes.whole.subarray(1)]),
    signature: signature.content,
    digest: value(MESSAGE_DIGEST)?.content ?? new Uint8Array(),
    certificateHash: named.find(({ tag }) => tag === OCTET_STRING)?.content ?? new Uint8Array(),
    certificates: certificates.map(({ whole }) => parseCertificate(whole, "certificate of a time stamp")),
  };
}

function parseInfo(info: Uint8Array): Pick<Timestamp, "info" | "timeMs" | "imprint"> {
  const [version, , imprint, , time] = partsOf(elementsOf(info)[0]);
  const text = new TextDecoder().decode(time?.content);
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d(?:\.\d{1,9})?)Z$/.exec(text) ?? [];
  const timeMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (hex(version) !== "01" || Number.isNaN(timeMs)) throw new RangeError("a time stamp says no time");
  return { info, timeMs, imprint: partsOf(imprint)[1]?.content ?? new Uint8Array() };
}

function partsOf(element: Element | undefined): Element[] {
  return elementsOf(element?.content);
}

function hex(element: Element | undefined): string {
  return Buffer.from(element?.content ?? []).toString("hex");
}
