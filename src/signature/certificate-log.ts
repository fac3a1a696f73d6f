/**
 * Promises of certificates' own logs (signed certificate timestamps) that come within a certificate: without one nobody would notice an authority that certifies
 * whom it likes. They are verified offline, by the log's key, over the certificate as it was before they came into it.
 * Source: RFC 6962, 3.2 and 3.3; fulcio docs/ctlog.md.
 */
import { createHash, createPublicKey, type X509Certificate } from "node:crypto";
import { elementsOf, encodeElement, encodeNumber } from "./der.ts";
import type { TrustedLog } from "./transparency-log.ts";

/** 1.3.6.1.4.1.11129.2.4.2 */
const EXTENSION = Uint8Array.of(0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02);
const SEQUENCE = 0x30;
const EXTENSIONS = 0xa3;
/** Hash and signature algorithm of TLS: SHA-256 with ECDSA, with RSA. */
const ALGORITHMS: ReadonlySet<number> = new Set([0x0403, 0x0401]);
const PRECERTIFICATE = 1;
const MAX_TIMESTAMPS = 10;

/**
 * Fails unless one of `logs` promised to keep `certificate`, which the owner of `issuer` made.
 * @throws {RangeError} why not
 */
export function requireLogged(
  certificate: X509Certificate,
  issuer: X509Certificate,
  logs: readonly TrustedLog[],
): void {
  const { before, list } = takeApart(certificate.raw);
  if (list === undefined) throw new RangeError("a certificate is in no log of certificates");
  const spki = createPublicKey(issuer.publicKey.export({ type: "spki", format: "pem" }));
  const issuerHash = createHash("sha256")
    .update(spki.export({ type: "spki", format: "der" }))
    .digest();
  for (const { logID, timestamp, extensions, signature } of timestampsOf(list)) {
    const log = logs.find(({ id }) => id === logID);
    const kind = Uint8Array.of(0, 0);
    const entry = [Uint8Array.of(0, PRECERTIFICATE), issuerHash, encodeNumber(before.length, 3), before];
    const message = Buffer.concat([
      kind,
      timestamp,
      ...entry,
      encodeNumber(extensions.length, 2),
      extensions,
    ]);
    if (log?.key.isSignature(message, signature)) return;
  }
  throw new RangeError("a certificate is in no log of certificates that is trusted");
}

interface Timestamp {
  /** In hex. */
  readonly logID: string;
  readonly timestamp: Uint8Array;
  readonly extensions: Uint8Array;
  readonly signature: Uint8Array;
}

/** Source: RFC 6962, 3.3. */
function* timestampsOf(list: Uint8Array): Generator<Timestamp, void, void> {
  const all = new Reader(list);
  const each = new Reader(all.vector());
  for (let count = 0; count < MAX_TIMESTAMPS && !each.isEmpty; count += 1) {
    const one = new Reader(each.vector());
    // Of another version nothing is known, not even its length.
    if (one.take(1)[0] !== 0) continue;
    const logID = Buffer.from(one.take(32)).toString("hex");
    const timestamp = one.take(8);
    const extensions = one.vector();
    const algorithm = one.take(2);
    const signature = one.vector();
    if (ALGORITHMS.has((algorithm[0] ?? 0) * 256 + (algorithm[1] ?? 0)))
      yield { logID, timestamp, extensions, signature };
  }
}

/** Takes bytes from the front. @throws {RangeError} there are not so many */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length)
      throw new RangeError("a timestamp of a certificate is cut off");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** With its length in two bytes before it. */
  vector(): Uint8Array {
    const [high = 0, low = 0] = this.take(2);
    return this.take(high * 256 + low);
  }
}

/** What was signed of a certificate before its timestamps came into it, and these. */
function takeApart(der: Uint8Array): { before: Uint8Array; list: Uint8Array | undefined } {
  const [certificate] = elementsOf(der);
  const [body] = elementsOf(certificate?.content);
  let list: Uint8Array | undefined;
  const fields = elementsOf(body?.content).map((field) => {
    if (field.tag !== EXTENSIONS) return field.whole;
    const [sequence] = elementsOf(field.content);
    const kept = elementsOf(sequence?.content).filter(({ content }) => {
      const parts = elementsOf(content);
      if (Buffer.compare(parts[0]?.content ?? new Uint8Array(), EXTENSION) !== 0) return true;
      // An OCTET STRING in the one that every extension has.
      list = elementsOf(parts.at(-1)?.content)[0]?.content;
      return false;
    });
    return encodeElement(EXTENSIONS, encodeElement(SEQUENCE, ...kept.map(({ whole }) => whole)));
  });
  return { before: encodeElement(SEQUENCE, ...fields), list };
}
