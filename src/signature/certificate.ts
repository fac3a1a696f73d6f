/**
 * Certificates that say who held a key for some minutes: Fulcio's, which people and builds get for a login at an OpenID provider.
 * They are judged by the time at which a log saw the signature. Source: fulcio docs/certificate-specification.md, docs/oid-info.md.
 */
import { X509Certificate } from "node:crypto";
import { messageOf } from "../base/index.ts";
import { elementsOf } from "./der.ts";
import { InvalidKey } from "./errors.ts";
import { encodeID, extensionOf, extensionsOf } from "./extensions.ts";
import { requireWithin } from "./name-constraints.ts";

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
const INTEGER = 0x02;
/** What is looked at, or is of no weight here: purposes of the key, names, constraints, policies (none is asked for), extended purposes. */
const UNDERSTOOD: readonly string[] = [
  "2.5.29.15",
  "2.5.29.17",
  "2.5.29.19",
  "2.5.29.30",
  "2.5.29.32",
  "2.5.29.37",
];

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
  const chain = [certificate];
  while (chain.length <= MAX_CERTIFICATES) {
    const below = chain.at(-1) ?? certificate;
    const trusted = authority.find((one) => issues(one, below));
    const above = trusted ?? between.find((one) => issues(one, below));
    if (above === undefined) return undefined;
    requireValid(above, timeMs);
    chain.push(above);
    if (trusted === undefined) continue;
    // Only now: what strangers certified is not worth the work.
    for (const one of chain) requireUnderstood(one);
    for (const [index, one] of chain.entries()) if (index > 0) requireLimits(one, chain.slice(0, index));
    return chain[1];
  }
  return undefined;
}

/** Source: RFC 5280, 4.2: a critical extension that is not understood makes the certificate worthless, and there is one of each. */
function requireUnderstood({ raw }: X509Certificate): void {
  const seen = new Set<string>();
  for (const extension of extensionsOf(raw)) {
    const id = encodeID(extension.id);
    if (extension.isCritical && !UNDERSTOOD.includes(id))
      throw new RangeError(`a certificate has the critical extension ${id}, which is not understood`);
    if (seen.has(id)) throw new RangeError(`a certificate has the extension ${id} twice`);
    seen.add(id);
  }
}

/**
 * What an authority was itself forbidden: to certify further authorities, and names.
 * @param below  Whom it certified, the signer first.
 * Source: RFC 5280, 4.2.1.9 and 4.2.1.10.
 */
function requireLimits({ raw }: X509Certificate, below: readonly X509Certificate[]): void {
  const [basic] = elementsOf(extensionOf(raw, BASIC_CONSTRAINTS));
  const length = elementsOf(basic?.content).find(({ tag }) => tag === INTEGER)?.content;
  if (length !== undefined && Number(`0x${Buffer.from(length).toString("hex")}`) < below.length - 1)
    throw new RangeError("an authority stands above more authorities than it may");
  const names = extensionOf(raw, NAME_CONSTRAINTS);
  if (names !== undefined) requireWithin(names, below);
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
