/** Whom we trust: the owners of some keys, or whom an authority certifies to be somebody; and which logs must have seen it. */
import { type Authority, parseCertificate, parseCertificates, readSigner } from "./certificate.ts";
import { requireLogged } from "./certificate-log.ts";
import type { PublicKey } from "./key.ts";
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
      const { message, signatures } = signed;
      const key = keys.find((one) => signatures.some((signature) => one.isSignature(message, signature)));
      if (key === undefined) throw new RangeError(`one was not made with ${keys.map(describe).join(" or ")}`);
      if (logs.length > 0) loggedAt(signed.entries, logs, { ...signed, verifiers: [key.der] });
      return key.name;
    },
  };
}

/**
 * Whoever one of `authorities` certified to be `subject`, at the time at which one of `logs` saw his signature.
 * @param certificateLogs  One of them must have promised to keep the certificate, if there are some.
 */
export function trustIdentity(
  { subject, issuer }: { readonly subject: string; readonly issuer: string },
  authorities: readonly Authority[],
  logs: readonly TrustedLog[],
  certificateLogs: readonly TrustedLog[] = [],
): Trust {
  return {
    signerOf(signed) {
      if (signed.certificate === undefined) throw new RangeError("one comes without a certificate");
      const certificate = parseCertificate(signed.certificate, "certificate of a signature");
      // The certificate lasted some minutes: without a log nobody knows that it was used in them.
      const timeMs = loggedAt(signed.entries, logs, { ...signed, verifiers: [certificate.raw] });
      const between =
        signed.chain === undefined ? [] : parseCertificates(signed.chain, "chain of a signature");
      const signer = readSigner(certificate, authorities, between, timeMs);
      if (!signed.signatures.some((signature) => signer.key.isSignature(signed.message, signature)))
        throw new RangeError("one was not made with the key of its certificate");
      if (certificateLogs.length > 0) requireLogged(certificate, signer.certifiedBy, certificateLogs);
      if (signer.subject !== subject || signer.issuer !== issuer)
        throw new RangeError(`one was made by ${signer.subject}, who logged in at ${signer.issuer}`);
      return subject;
    },
  };
}

function describe({ name, limit }: PublicKey): string {
  return limit === undefined ? name : `${name} (${limit})`;
}
