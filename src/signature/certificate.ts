/**
 * Certificates that say who held a key for some minutes: Fulcio's, which people and builds get for a login at an OpenID provider.
 * They are judged by the time at which a log saw the signature. Source: fulcio docs/certificate-specification.md, docs/oid-info.md.
 */
import { X509Certificate } from "node:crypto";
import { messageOf } from "../base/index.ts";
import { type Element, elementsOf } from "./der.ts";
import { InvalidKey } from "./errors.ts";
import { type PublicKey, publicKeyOf } from "./key.ts";

/** Who a certificate is about. */
export interface Signer {
  /** An e-mail address, or the URI of a build. */
  readonly subject: string;
  /** The OpenID provider at which he logged in. */
  readonly issuer: string;
  readonly key: PublicKey;
  /** Whose key made the certificate. */
  readonly certifiedBy: X509Certificate;
}

/** Certificates that are trusted to certify: a root, and those between it and signers that are known. */
export type Authority = readonly X509Certificate[];

const MAX_CERTIFICATES = 10;
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
/** 1.3.6.1.4.1.57264.1, below which Fulcio has its extensions. */
const FULCIO = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01];
const ISSUER = Uint8Array.of(...FULCIO, 8);
/** The same in the first years, as text that is no DER. */
const OLD_ISSUER = Uint8Array.of(...FULCIO, 1);

/** Reads certificates in PEM. @throws {InvalidKey} */
export function parseCertificates(pem: string, name: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length > MAX_CERTIFICATES)
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
 * Who `certificate` is about, if one of `authorities` said so at `timeMs`.
 * @param between  Certificates that came along, by which it may have said so.
 * @throws {RangeError} why not
 */
export function readSigner(
  certificate: X509Certificate,
  authorities: readonly Authority[],
  between: readonly X509Certificate[],
  timeMs: number,
): Signer {
  if (certificate.ca) throw new RangeError("a certificate is an authority's own");
  if (!(certificate.keyUsage ?? []).includes(CODE_SIGNING))
    throw new RangeError("a certificate is not for signing code");
  requireValid(certificate, timeMs);
  let certifiedBy: X509Certificate | undefined;
  for (const authority of authorities) certifiedBy ??= certifierOf(certificate, authority, between, timeMs);
  if (certifiedBy === undefined) throw new RangeError("a certificate is of no authority that is trusted");
  return {
    subject: subjectOf(certificate),
    issuer: issuerOf(certificate),
    key: publicKeyOf(certificate.publicKey, "certificate"),
    certifiedBy,
  };
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
    first ??= above;
    if (trusted !== undefined) return first;
    below = above;
  }
  return undefined;
}

/** The one name. With several one could show whichever is wanted. */
function subjectOf({ subjectAltName }: X509Certificate): string {
  const [, name] = /^(?:email|URI):([^,"\s]+)$/.exec(subjectAltName ?? "") ?? [];
  if (name === undefined) throw new RangeError("a certificate has not one name, an e-mail address or URI");
  return name;
}

function issuerOf({ raw }: X509Certificate): string {
  try {
    for (const extension of extensionsOf(raw)) {
      const [id, ...rest] = elementsOf(extension.content);
      const value = rest.at(-1)?.content;
      if (id === undefined || value === undefined) continue;
      if (Buffer.compare(id.content, ISSUER) === 0) return text(elementsOf(value)[0]?.content);
      if (Buffer.compare(id.content, OLD_ISSUER) === 0) return text(value);
    }
  } catch (error) {
    throw new RangeError(`a certificate cannot be read: ${messageOf(error)}`);
  }
  throw new RangeError("a certificate does not say at which provider its subject logged in");
}

function text(bytes: Uint8Array = new Uint8Array()): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

const EXTENSIONS = 0xa3;

/** Source: RFC 5280, 4.1. */
function extensionsOf(der: Uint8Array): Element[] {
  const [certificate] = elementsOf(der);
  const [body] = elementsOf(certificate?.content);
  const list = elementsOf(body?.content).find(({ tag }) => tag === EXTENSIONS);
  const [sequence] = elementsOf(list?.content);
  return elementsOf(sequence?.content);
}
