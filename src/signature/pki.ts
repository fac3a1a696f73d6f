/**
 * Signers with certificates of an authority of one's own, which last: `pki` of policies. They are judged by today, as the peers do, since no log says when one signed.
 * Source: containers/image docs/containers-policy.json.5.md, pki; RFC 5280, 4.2.1.6 (names), 4.2.1.10 (limits of them) and 4.2.1.12 (purposes); RFC 6125, 6.4 (hosts).
 */
import type { X509Certificate } from "node:crypto";
import {
  type Authority,
  CODE_SIGNING,
  parseCertificate,
  parseCertificates,
  requireCertified,
} from "./certificate.ts";
import { alternativeNames } from "./extensions.ts";
import { publicKeyOf } from "./key.ts";
import { EMAIL, HOST } from "./name-constraints.ts";
import { signatureBy, type Trust } from "./trust.ts";

/** Whom an authority has to have certified: of both, the one with both. */
export interface CertifiedSubject {
  readonly email?: string | undefined;
  readonly hostname?: string | undefined;
}

const ANY_PURPOSE = "2.5.29.37.0";

/**
 * Whoever one of `roots` certified to be `subject`.
 * @param between  Certificates that may stand between them, beside those that come along.
 */
export function trustCertified(
  { email, hostname }: CertifiedSubject,
  roots: Authority,
  between: readonly X509Certificate[],
): Trust {
  const name = [email, hostname].filter((one) => one !== undefined).join(" at ");
  return {
    signerOf(signed) {
      if (signed.certificate === undefined) throw new RangeError("one comes without a certificate");
      const certificate = parseCertificate(signed.certificate, "certificate of a signature");
      if (certificate.ca) throw new RangeError("a certificate is an authority's own");
      // One that says nothing of its purpose is for any.
      const purposes: readonly string[] = certificate.keyUsage ?? [ANY_PURPOSE];
      if (!purposes.includes(CODE_SIGNING) && !purposes.includes(ANY_PURPOSE))
        throw new RangeError("a certificate is not for signing code");
      const along = signed.chain === undefined ? [] : parseCertificates(signed.chain, "chain of a signature");
      requireCertified(certificate, [roots], [...between, ...along], Date.now());
      const names = namesOf(certificate);
      if (email !== undefined && !names.emails.includes(email))
        throw new RangeError(`one was made by ${describe(names.emails)}, not by ${email}`);
      if (hostname !== undefined && !names.hosts.some((one) => isHost(one, hostname)))
        throw new RangeError(`one was made at ${describe(names.hosts)}, not at ${hostname}`);
      if (signatureBy(publicKeyOf(certificate.publicKey, "certificate"), signed) === undefined)
        throw new RangeError("one was not made with the key of its certificate");
      return name;
    },
  };
}

function namesOf({ raw }: X509Certificate): { emails: string[]; hosts: string[] } {
  const names = alternativeNames(raw);
  const of = (wanted: number): string[] => names.filter(({ tag }) => tag === wanted).map(({ text }) => text);
  return { emails: of(EMAIL), hosts: of(HOST) };
}

/** `*` stands for the first label, whole. */
function isHost(certified: string, wanted: string): boolean {
  const [name, host] = [certified.toLowerCase(), wanted.toLowerCase().replace(/\.$/, "")];
  return name === host || (name.startsWith("*.") && name.length > 2 && host.replace(/^[^.]+/, "*") === name);
}

function describe(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(" or ") || "nobody in particular";
}
