/** Certificates with the promise of a log within, made as authorities and logs make them. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, program } from "../../test/support/needs.ts";
import { requireLogged } from "./certificate-log.ts";
import { trustedLog } from "./transparency-log.ts";

const WANTED = program("openssl");
const test = needs(WANTED);
const folder = mkdtempSync(join(tmpdir(), "teu-sct-"));
afterAll(() => rmSync(folder, { recursive: true }));
const logOf = (pair: { publicKey: KeyObject }) =>
  trustedLog(pair.publicKey.export({ type: "spki", format: "der" }), "log");
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const log = logOf(pair);
/** Of an ECDSA signature on P-256, mostly. */
const SIGNATURE_BYTES = 71;

function openssl(...words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words], { cwd: folder });
  if (exitCode !== 0) throw new Error(stderr.toString());
}

const uint = (value: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  bytes.writeUIntBE(value, 0, length);
  return bytes;
};
/** Its length in two bytes, and it. */
const vector = (bytes: Uint8Array): Buffer => Buffer.concat([uint(bytes.length, 2), bytes]);
const TIMESTAMP = Buffer.concat([uint(0, 2), uint(1_700_000_000_000, 6)]);
const listOf = (id: string, signature: Uint8Array): Buffer =>
  vector(
    vector(
      Buffer.concat([
        Uint8Array.of(0),
        Buffer.from(id, "hex"),
        TIMESTAMP,
        vector(new Uint8Array()),
        Uint8Array.of(4, 3),
        vector(signature),
      ]),
    ),
  );
const der = (tag: number, content: Uint8Array): Buffer => {
  const size = content.length;
  const head =
    size < 0x80 ? [tag, size] : size < 0x100 ? [tag, 0x81, size] : [tag, 0x82, size >> 8, size & 255];
  return Buffer.concat([Uint8Array.from(head), content]);
};

let ca: X509Certificate;
/** As openssl made it, with the place of a promise. */
let empty: Buffer;
/** The same certificate, of which openssl was told nothing of a promise. */
let plain: X509Certificate;

beforeAll(() => {
  if (!WANTED.isMet()) return;
  const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...EC, "-keyout", "ca.key", "-subj", "/CN=ca", "-days", "30", "-out", "ca.pem");
  openssl("req", ...EC, "-keyout", "leaf.key", "-subj", "/CN=leaf", "-out", "leaf.csr");
  const make = (name: string, more: string[]): Buffer => {
    writeFileSync(
      join(folder, "ext"),
      ["subjectAltName=critical,email:me@example.org", ...more, "extendedKeyUsage=codeSigning"].join("\n"),
    );
    openssl(
      "x509",
      "-req",
      "-in",
      "leaf.csr",
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-set_serial",
      "7",
      "-days",
      "1",
      "-extfile",
      "ext",
      "-out",
      name,
      "-outform",
      "DER",
    );
    return readFileSync(join(folder, name));
  };
  const list = der(0x04, listOf(log.id, Buffer.alloc(SIGNATURE_BYTES)));
  // Both within one second: else their dates differ, and once more.
  for (;;) {
    plain = new X509Certificate(make("plain.der", []));
    empty = make("empty.der", [`1.3.6.1.4.1.11129.2.4.2=DER:${list.toString("hex")}`]);
    if (new X509Certificate(empty).validTo === plain.validTo) break;
  }
  ca = new X509Certificate(readFileSync(join(folder, "ca.pem")));
}, 30_000);

/** What is signed of a certificate: its first element. */
function bodyOf(raw: Buffer): Buffer {
  const at = raw[1] === 0x82 ? 4 : 3;
  const length = raw[at + 1] === 0x82 ? raw.readUInt16BE(at + 2) + 4 : (raw[at + 2] ?? 0) + 3;
  return raw.subarray(at, at + length);
}

/** The certificate with a promise about `body`, signed by the authority again. */
function withPromise(body: Buffer, key = pair.privateKey, id = log.id): X509Certificate {
  const spki = ca.publicKey.export({ type: "spki", format: "der" });
  const head = [Uint8Array.of(0, 0), TIMESTAMP, uint(1, 2), createHash("sha256").update(spki).digest()];
  const message = Buffer.concat([...head, uint(body.length, 3), body, uint(0, 2)]);
  let signature: Buffer;
  do signature = sign("sha256", message, key);
  while (signature.length !== SIGNATURE_BYTES);
  const placed = Buffer.from(bodyOf(empty));
  const hollow = listOf(log.id, Buffer.alloc(SIGNATURE_BYTES));
  listOf(id, signature).copy(placed, placed.indexOf(hollow));
  const by = sign("sha256", placed, createPrivateKey(readFileSync(join(folder, "ca.key"))));
  const algorithm = Buffer.from("300a06082a8648ce3d040302", "hex");
  return new X509Certificate(
    der(0x30, Buffer.concat([placed, algorithm, der(0x03, Buffer.concat([Uint8Array.of(0), by]))])),
  );
}

describe("requireLogged()", () => {
  test("takes a certificate that a log promised to keep, as it was before that came into it", () => {
    const certificate = withPromise(bodyOf(plain.raw));
    expect(certificate.verify(ca.publicKey)).toBe(true);
    requireLogged(certificate, ca, [logOf(other), log]);
  });

  test.each<[string, () => X509Certificate, string]>([
    ["without a promise", () => plain, "in no log of certificates"],
    ["with the promise about another", () => withPromise(bodyOf(ca.raw)), "that is trusted"],
    [
      "whose promise is of another log",
      () => withPromise(bodyOf(plain.raw), other.privateKey, logOf(other).id),
      "that is trusted",
    ],
    [
      "whose promise another log made by this one's name",
      () => withPromise(bodyOf(plain.raw), other.privateKey),
      "that is trusted",
    ],
    ["with nothing in the place of one", () => new X509Certificate(empty), "that is trusted"],
  ])("refuses one %s", (_, make, why) => {
    expect(() => requireLogged(make(), ca, [log])).toThrow(why);
  });

  test("refuses one of another authority: the promise names the key that made it", () => {
    const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const issuer = { publicKey: stranger.publicKey } as X509Certificate;
    expect(() => requireLogged(withPromise(bodyOf(plain.raw)), issuer, [log])).toThrow("that is trusted");
  });

  test("any bytes in the place of promises are an error of ours", () => {
    const certificate = withPromise(bodyOf(plain.raw));
    const at = certificate.raw.indexOf(Buffer.from(log.id, "hex"));
    for (let offset = at - 5; offset < at + 60; offset++) {
      const raw = Buffer.from(certificate.raw);
      raw.writeUInt8(raw.readUInt8(offset) ^ 0xff, offset);
      expect(() => requireLogged({ raw } as unknown as X509Certificate, ca, [log])).toThrow(RangeError);
    }
  });
});
