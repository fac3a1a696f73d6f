/**
 * Certificates that say who held a key for some minutes: Fulcio's, which people and builds get for a login at an OpenID provider.
 * They are judged by the time at which a log saw the signature. Source: fulcio docs/certificate-specification.md, docs/oid-info.md.
 */
import { X509Certificate } from "node:crypto";
import { messageOf } from "../base/index.ts";
import { type Element, elementsOf } from "./der.ts";
import { InvalidKey } from "./errors.ts";

/** Who a certificate is about. */
export interface Signer {
  /** An e-mail address, or the URI of a build. */
  readonly subject: string;
  /** The OpenID provider at which he logged in. */
  readonly issuer: string;
  /** Whose key made the certificate. */
  readonly certifiedBy: X509Certificate;
}

/** Certificates that are trusted to certify: a root, and those between it and signers that are known. */
export type Authority = readonly X509Certificate[];

const MAX_CERTIFICATES = 10;
/** What a certificate is for. */
export const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
/** 1.3.6.1.4.1.57264.1, below which Fulcio has its extensions. */
const FULCIO = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01];
const ISSUER = Uint8Array.of(...FULCIO, 8);
/** The same in the first years, as text that is no DER. */
const OLD_ISSUER = Uint8Array.of(...FULCIO, 1);

/** 2.5.29.19 and 30. */
const BASIC_CONSTRAINTS = Uint8Array.of(0x55, 0x1d, 0x13);
const NAME_CONSTRAINTS = Uint8Array.of(0x55, 0x1d, 0x1e);

/** Reads certificates in PEM. @param max  Of strangers not more than a chain of them has. @throws {InvalidKey} */
export function parseCertificates(pem: string, name: string, max = MAX_CERTIFICATES): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length > max)
    throw new InvalidKey({ name, reason: `it has ${blocks.length} certificates in PEM` });
  return blocks.map((block) => parseCertificate(block, name));
}

/** Reads one in PEM or DER. @throws {InvalidKey} */
export function parseCertificate(source: string | Uint8Array, name: string): X509Certificate {
  try {
    return new X509Certificate(typeof source === "string" ? source : Buffer.from(source));
  } catch (error) {
    throw new InvalidKey({ name, reason: "it is no certificate" }, { cause: error });
  }
}

/**
 * Who `certificate` is about, if one of `authorities` said so at each of `times`, which are milliseconds.
 * @param between  Certificates that came along, by which it may have said so.
 * @throws {RangeError} why not
 */
export function readSigner(
  certificate: X509Certificate,
  authorities: readonly Authority[],
  between: readonly X509Certificate[],
  times: readonly number[],
): Signer {
  if (certificate.ca) throw new RangeError("a certificate is an authority's own");
  if (!(certificate.keyUsage ?? []).includes(CODE_SIGNING))
    throw new RangeError("a certificate is not for signing code");
  const [certifiedBy] = times.map((timeMs) => requireCertified(certificate, authorities, between, timeMs));
  if (certifiedBy === undefined) throw new RangeError("nobody says when one was made");
  return { subject: subjectOf(certificate), issuer: issuerOf(certificate), certifiedBy };
}

/**
 * Who certified `certificate`, if that leads up to one of `authorities`, all valid at `timeMs`.
 * @param between  Certificates that came along, of anybody.
 * @throws {RangeError} nobody did who is trusted
 */
export function requireCertified(
  certificate: X509Certificate,
  authorities: readonly Authority[],
  between: readonly X509Certificate[],
  timeMs: number,
): X509Certificate {
  requireValid(certificate, timeMs);
  for (const authority of authorities) {
    const certifiedBy = certifierOf(certificate, authority, between, timeMs);
    if (certifiedBy !== undefined) return certifiedBy;
  }
  throw new RangeError("a certificate is of no authority that is trusted");
}

function requireValid({ validFrom, validTo }: X509Certificate, timeMs: number): void {
  if (!(Date.parse(validFrom) <= timeMs && timeMs <= Date.parse(validTo)))
    throw new RangeError(`a certificate was not valid at ${new Date(timeMs).toISOString()}`);
}

/** The first of a chain that leads up to a certificate of `authority`, each valid at the time. `between` is anybody's. */
function certifierOf(
  certificate: X509Certificate,
  authority: Authority,
  between: readonly X509Certificate[],
  timeMs: number,
): X509Certificate | undefined {
  const issues = (above: X509Certificate, below: X509Certificate): boolean =>
    above.ca && below.checkIssued(above) && below.verify(above.publicKey);
  let below = certificate;
  let first: X509Certificate | undefined;
  for (let depth = 0; depth < MAX_CERTIFICATES; depth += 1) {
    const trusted = authority.find((one) => issues(one, below));
    const above = trusted ?? between.find((one) => issues(one, below));
    if (above === undefined) return undefined;
    requireValid(above, timeMs);
    requireUnlimited(above, depth);
    first ??= above;
    if (trusted !== undefined) return first;
    below = above;
  }
  return undefined;
}

/**
 * What an authority was itself forbidden: to certify further authorities, and names. How names are limited is not built.
 * Source: RFC 5280, 4.2.1.9 and 4.2.1.10.
 */
function requireUnlimited({ raw }: X509Certificate, authoritiesBelow: number): void {
  if (extensionOf(raw, NAME_CONSTRAINTS) !== undefined)
    throw new RangeError("an authority may certify some names only, which is not looked at");
  const [basic] = elementsOf(extensionOf(raw, BASIC_CONSTRAINTS));
  const length = elementsOf(basic?.content).find(({ tag }) => tag === INTEGER)?.content;
  if (length !== undefined && Number(`0x${Buffer.from(length).toString("hex")}`) < authoritiesBelow)
    throw new RangeError("an authority stands above more authorities than it may");
}

/** The one name. With several one could show whichever is wanted. */
function subjectOf({ subjectAltName }: X509Certificate): string {
  const [, name] = /^(?:email|URI):([^,"\s]+)$/.exec(subjectAltName ?? "") ?? [];
  if (name === undefined) throw new RangeError("a certificate has not one name, an e-mail address or URI");
  return name;
}

function issuerOf({ raw }: X509Certificate): string {
  try {
    const issuer = extensionOf(raw, ISSUER);
    if (issuer !== undefined) return text(elementsOf(issuer)[0]?.content);
    const old = extensionOf(raw, OLD_ISSUER);
    if (old !== undefined) return text(old);
  } catch (error) {
    throw new RangeError(`a certificate cannot be read: ${messageOf(error)}`);
  }
  throw new RangeError("a certificate does not say at which provider its subject logged in");
}

function text(bytes: Uint8Array = new Uint8Array()): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

const EXTENSIONS = 0xa3;
const INTEGER = 0x02;

/** What the extension with this ID holds, if it is there. @throws {RangeError} The certificate cannot be read. */
export function extensionOf(der: Uint8Array, id: Uint8Array): Uint8Array | undefined {
  for (const extension of extensionsOf(der)) {
    const [found, ...rest] = elementsOf(extension.content);
    if (found !== undefined && Buffer.compare(found.content, id) === 0) return rest.at(-1)?.content;
  }
  return undefined;
}

/** Source: RFC 5280, 4.1. */
function extensionsOf(der: Uint8Array): Element[] {
  const [certificate] = elementsOf(der);
  const [body] = elementsOf(certificate?.content);
  const list = elementsOf(body?.content).find(({ tag }) => tag === EXTENSIONS);
  const [sequence] = elementsOf(list?.content);
  return elementsOf(sequence?.content);
}
