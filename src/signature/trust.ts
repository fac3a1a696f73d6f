/** Whom we trust: the owners of some keys, or whom an authority certifies to be somebody; and which logs must have seen it. */
import { type Authority, parseCertificate, parseCertificates, readSigner } from "./certificate.ts";
import { requireLogged } from "./certificate-log.ts";
import { type PublicKey, publicKeyOf } from "./key.ts";
import { type TimestampAuthority, timestampedAt } from "./timestamp.ts";
import { type LogEntry, loggedAt, type TrustedLog } from "./transparency-log.ts";

/** What was signed, and all that comes with it. */
export interface Signed {
  /** What the signature is over. */
  readonly message: Uint8Array;
  /** What it is about, without its envelope. */
  readonly payload: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** Of who signed, in DER or PEM, where it comes along. */
  readonly certificate: Uint8Array | string | undefined;
  /** Of who certified him, in PEM. */
  readonly chain?: string | undefined;
  readonly entries: readonly LogEntry[];
  /** Of the signature, as authorities of time answer, in DER. */
  readonly timestamps?: readonly Uint8Array[];
}

/** Tells who signed. */
export interface Trust {
  /** @returns what the signer is called @throws whoever it was, it is nobody whom we trust */
  signerOf(signed: Signed): string;
}

/** Whoever has the private half of one of `keys`, which one of `logs` must have seen, if there are some. */
export function trustKeys(keys: readonly PublicKey[], logs: readonly TrustedLog[] = []): Trust {
  return {
    signerOf(signed) {
      for (const key of keys) {
        const signature = signatureBy(key, signed);
        if (signature === undefined) continue;
        if (logs.length > 0) loggedAt(signed.entries, logs, { ...signed, signature, verifier: key.der });
        return key.name;
      }
      throw new RangeError(`one was not made with ${keys.map(describe).join(" or ")}`);
    },
  };
}

/** Who may say of whom, and when. */
export interface Witnesses {
  readonly authorities: readonly Authority[];
  /** One of them must have seen the signature, if there are some. */
  readonly logs: readonly TrustedLog[];
  /** One of them must have promised to keep the certificate, if there are some. */
  readonly certificateLogs?: readonly TrustedLog[];
  /** Of time: for signatures in logs that do not say when, and where there are no logs. */
  readonly timestampAuthorities?: readonly TimestampAuthority[];
}

/** Whoever one of the authorities certified to be `subject`, at the time at which one of the logs, or an authority of time, saw his signature. */
export function trustIdentity(
  { subject, issuer }: { readonly subject: string; readonly issuer: string },
  { authorities, logs, certificateLogs = [], timestampAuthorities = [] }: Witnesses,
): Trust {
  return {
    signerOf(signed) {
      if (signed.certificate === undefined) throw new RangeError("one comes without a certificate");
      const certificate = parseCertificate(signed.certificate, "certificate of a signature");
      // The very one, of several: else an old one's time could be that of a new one.
      const signature = signatureBy(publicKeyOf(certificate.publicKey, "certificate"), signed);
      if (signature === undefined) throw new RangeError("one was not made with the key of its certificate");
      // The certificate lasted some minutes: without a log or a time stamp nobody knows that it was used in them.
      const loggedMs =
        logs.length === 0
          ? undefined
          : loggedAt(signed.entries, logs, { ...signed, signature, verifier: certificate.raw });
      const times =
        loggedMs === undefined
          ? timestampedAt(signed.timestamps ?? [], signature, timestampAuthorities)
          : [loggedMs];
      const between =
        signed.chain === undefined ? [] : parseCertificates(signed.chain, "chain of a signature");
      const signer = readSigner(certificate, authorities, between, times);
      if (certificateLogs.length > 0) requireLogged(certificate, signer.certifiedBy, certificateLogs);
      if (signer.subject !== subject || signer.issuer !== issuer)
        throw new RangeError(`one was made by ${signer.subject}, who logged in at ${signer.issuer}`);
      return subject;
    },
  };
}

/** The signature that the key's owner made, if he made one. */
export function signatureBy(key: PublicKey, { message, signatures }: Signed): Uint8Array | undefined {
  return signatures.find((signature) => key.isSignature(message, signature));
}

function describe({ name, limit }: PublicKey): string {
  return limit === undefined ? name : `${name} (${limit})`;
}
