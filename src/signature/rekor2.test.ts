/** Bundles whose log is Rekor's second version: no promise, a proof under an Ed25519 key, the time from an authority of time. All of it is made here. */
import { afterAll, describe, expect } from "bun:test";
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Certificates } from "../../test/support/certificates.ts";
import { needs, program } from "../../test/support/needs.ts";
import { digestOf } from "../spec/index.ts";
import { BUNDLE, parseBundle, SIGN_PREDICATE } from "./bundle.ts";
import { encodeElement } from "./der.ts";
import { parsePublicKey } from "./key.ts";
import { trustedLog } from "./transparency-log.ts";
import { trustIdentity, trustKeys } from "./trust.ts";
import { parseTrustedRoot } from "./trusted-root.ts";

const test = needs(program("openssl"));
const certificates = new Certificates();
afterAll(() => certificates[Symbol.dispose]());

let made = false;
function makeCertificates(): void {
  if (made) return;
  made = true;
  for (const name of ["ca", "time", "stranger"]) certificates.root(name);
  const signer = [
    "subjectAltName=critical,email:me@example.org",
    "extendedKeyUsage=codeSigning",
    "1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:https://login.example",
  ];
  certificates.certify("me", "ca", signer);
  certificates.certify("also-me", "ca", signer);
  const STAMPS = "extendedKeyUsage=critical,timeStamping";
  // Longer than who signs.
  certificates.certify("stamps", "time", [STAMPS], 7);
  certificates.certify("impostor", "stranger", [STAMPS]);
  certificates.certify("signs-code", "time", ["extendedKeyUsage=critical,timeStamping,codeSigning"]);
}

const sha256 = (...parts: Uint8Array[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString("base64");

/** A log with a name and a key of its own. */
class Log {
  readonly #pair = generateKeyPairSync("ed25519");
  readonly spki = this.#pair.publicKey.export({ type: "spki", format: "der" });
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Source: C2SP signed-note.md, Signatures. */
  get keyID(): Buffer {
    return sha256(Buffer.from(`${this.name}\n\u0001`), this.spki.subarray(-32));
  }

  /** That it has the entry, beside another. */
  proof(body: Uint8Array, origin = this.name) {
    const [leaf, other] = [sha256(Uint8Array.of(0), body), sha256(Uint8Array.of(0))];
    const root = sha256(Uint8Array.of(1), leaf, other);
    const note = `${origin}\n2\n${base64(root)}\n`;
    const signature = Buffer.concat([
      this.keyID.subarray(0, 4),
      sign(null, Buffer.from(note), this.#pair.privateKey),
    ]);
    const envelope = `${note}\n\u2014 ${this.name} ${base64(signature)}\n`;
    // The first entry's index is 0, which is left out.
    return { treeSize: "2", rootHash: base64(root), hashes: [base64(other)], checkpoint: { envelope } };
  }
}

const log = new Log("log.example");
const stranger = new Log("log.example");

interface Stamp {
  by?: string;
  /** Whose certificate it names, if another's. */
  names?: string;
  over?: Uint8Array;
  atMs?: number;
  status?: number;
  alone?: boolean;
  change?: (info: Buffer) => Buffer;
}

const SEQUENCE = 0x30;
const sequence = (...parts: Uint8Array[]): Buffer => encodeElement(SEQUENCE, ...parts);
const octets = (bytes: Uint8Array): Buffer => encodeElement(0x04, bytes);
const integer = (value: number): Buffer => encodeElement(0x02, Uint8Array.of(value));
const id = (hex: string): Buffer => encodeElement(0x06, Buffer.from(hex, "hex"));
const SHA256 = sequence(id("608648016503040201"));

/** Source: RFC 3161, 2.4.2. */
function stamp({
  by = "stamps",
  names = by,
  over = new Uint8Array(),
  atMs = Date.now() + 2_000,
  status = 0,
  alone = false,
  change = (same) => same,
}: Stamp): string {
  const time = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  const info = sequence(
    integer(1),
    id("2a0304"),
    sequence(SHA256, octets(sha256(over))),
    integer(7),
    encodeElement(0x18, Buffer.from(time)),
  );
  const attribute = (hex: string, value: Buffer): Buffer => sequence(id(hex), encodeElement(0x31, value));
  const named = sequence(sequence(sequence(octets(sha256(certificates.der(names))))));
  const attributes = [
    attribute("2a864886f70d010903", id("2a864886f70d0109100104")),
    attribute("2a864886f70d010904", octets(sha256(info))),
    attribute("2a864886f70d010910022f", named),
  ];
  const key = createPrivateKey(certificates.text(`${by}.key`));
  const signer = sequence(
    integer(1),
    sequence(sequence(), integer(7)),
    SHA256,
    encodeElement(0xa0, ...attributes),
    sequence(id("2a8648ce3d040302")),
    octets(sign("sha256", encodeElement(0x31, ...attributes), key)),
  );
  const data = sequence(
    integer(3),
    encodeElement(0x31, SHA256),
    sequence(id("2a864886f70d0109100104"), encodeElement(0xa0, octets(change(info)))),
    ...(alone ? [] : [encodeElement(0xa0, certificates.der(by))]),
    encodeElement(0x31, signer),
  );
  return base64(
    sequence(sequence(integer(status)), sequence(id("2a864886f70d010702"), encodeElement(0xa0, data))),
  );
}

const DIGEST = digestOf("x");
const TYPE = "application/vnd.in-toto+json";
const payload = Buffer.from(
  JSON.stringify({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: DIGEST.slice(7) } }],
    predicateType: SIGN_PREDICATE,
  }),
);
const message = Buffer.from(`DSSEv1 ${TYPE.length} ${TYPE} ${payload.length} ${payload}`);

type Body = { apiVersion: string; kind: string; spec: object };

interface Case {
  kind?: "dsse" | "hashedrekord";
  /** Of what the log keeps, when it is not about this signature. */
  about?: { payload?: Uint8Array; signature?: Uint8Array; by?: string };
  body?: (body: Body) => Body;
  keptBy?: Log;
  origin?: string;
  integratedTime?: number;
  isProven?: boolean;
  stamps?: (signature: Uint8Array) => string[];
  /** Others beside the first. */
  beside?: Uint8Array[];
  byKey?: boolean;
}

function bundle({
  kind = "dsse",
  about = {},
  body = (same) => same,
  keptBy = log,
  origin,
  integratedTime,
  isProven = true,
  stamps = (signature) => [stamp({ over: signature })],
  beside = [],
  byKey = false,
}: Case) {
  makeCertificates();
  const signature = sign("sha256", message, createPrivateKey(certificates.text("me.key")));
  const rawBytes = base64(certificates.der(about.by ?? "me"));
  const verifier = byKey
    ? { publicKey: { rawBytes: base64(publicKey().der) } }
    : { x509Certificate: { rawBytes } };
  const signed = {
    content: base64(about.signature ?? signature),
    verifier: { keyDetails: "PKIX_ECDSA_P256_SHA_256", ...verifier },
  };
  const hashed = {
    algorithm: "SHA2_256",
    digest: base64(sha256(about.payload ?? (kind === "dsse" ? payload : message))),
  };
  const spec =
    kind === "dsse"
      ? { dsseV002: { payloadHash: hashed, signatures: [signed] } }
      : { hashedRekordV002: { data: hashed, signature: signed } };
  const kept = Buffer.from(JSON.stringify(body({ apiVersion: "0.0.2", kind, spec })));
  return parseBundle(
    Buffer.from(
      JSON.stringify({
        mediaType: BUNDLE,
        verificationMaterial: {
          ...(byKey ? { publicKey: {} } : { certificate: { rawBytes: base64(certificates.der("me")) } }),
          tlogEntries: [
            {
              logId: { keyId: base64(keptBy.keyID) },
              kindVersion: { kind, version: "0.0.2" },
              ...(integratedTime !== undefined && { integratedTime: `${integratedTime}` }),
              ...(isProven && { inclusionProof: keptBy.proof(kept, origin) }),
              canonicalizedBody: base64(kept),
            },
          ],
          timestampVerificationData: {
            rfc3161Timestamps: stamps(signature).map((signedTimestamp) => ({ signedTimestamp })),
          },
        },
        dsseEnvelope: {
          payload: base64(payload),
          payloadType: TYPE,
          signatures: [signature, ...beside].map((one) => ({ sig: base64(one) })),
        },
      }),
    ),
  );
}

function publicKey() {
  const key = createPublicKey(certificates.text("me.key"));
  return parsePublicKey(key.export({ type: "spki", format: "pem" }).toString(), "me.pub");
}

interface Root {
  tlog?: object;
  times?: readonly string[];
  validFor?: object;
}

function root({
  tlog = { logId: { keyId: base64(log.keyID) } },
  times = ["stamps", "time"],
  validFor,
}: Root = {}) {
  makeCertificates();
  const chain = (names: readonly string[]): object => ({
    certificates: names.map((name) => ({ rawBytes: base64(certificates.der(name)) })),
  });
  return parseTrustedRoot(
    JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: [{ publicKey: { rawBytes: base64(log.spki) }, ...tlog }],
      certificateAuthorities: [{ certChain: chain(["ca"]) }],
      timestampAuthorities: [{ certChain: chain(times), ...(validFor && { validFor }) }],
    }),
    "root.json",
  );
}

function answer(made: Case = {}, trusted: Root = {}): string {
  try {
    const who = { subject: "me@example.org", issuer: "https://login.example" };
    return trustIdentity(who, root(trusted)).signerOf(bundle(made));
  } catch (error) {
    return String(error);
  }
}

describe("a bundle in a log of version 2", () => {
  test.each<[string, Case, Root]>([
    ["as dsse", {}, {}],
    ["as hashedrekord", { kind: "hashedrekord" }, {}],
    ["of a log that is known by its key alone", {}, { tlog: {} }],
    [
      "of a log that is known by its checkpoints",
      {},
      { tlog: { checkpointKeyId: { keyId: base64(log.keyID) } } },
    ],
    ["with an authority of time that is known by its root", {}, { times: ["time"] }],
    ["with an authority of time that is known by itself", {}, { times: ["stamps"] }],
    [
      "with a certificate of time that does not come along",
      { stamps: (over) => [stamp({ over, alone: true })] },
      {},
    ],
    [
      "with a time stamp of a stranger besides",
      { stamps: (over) => [stamp({ over, by: "impostor" }), stamp({ over })] },
      {},
    ],
  ])("counts %s", (_, made, trusted) => {
    expect(answer(made, trusted)).toBe("me@example.org");
  });

  const DAY_MS = 86_400_000;
  const old = Buffer.from("of an earlier signature");
  test.each<[string, Case, Root, string]>([
    ["without a time", { stamps: () => [] }, {}, "nobody says when one was made"],
    // It is not signed.
    [
      "with the log's time alone",
      { stamps: () => [], integratedTime: Math.floor(Date.now() / 1000) + 5 },
      {},
      "nobody says when",
    ],
    [
      "with the time of another signature",
      { stamps: () => [stamp({ over: old })] },
      {},
      "about another signature",
    ],
    [
      // Whose certificate ended long ago could sign today, and show an old time stamp beside it.
      "with the time of a signature beside it",
      { beside: [old], stamps: () => [stamp({ over: old })] },
      {},
      "about another signature",
    ],
    [
      "with a stranger's time",
      { stamps: (over) => [stamp({ over, by: "impostor" })] },
      {},
      "is of no authority that is trusted",
    ],
    [
      "with a stranger's time by another name",
      { stamps: (over) => [stamp({ over, by: "impostor", names: "stamps" })] },
      {},
      "is of no authority that is trusted",
    ],
    [
      "with the time of somebody who signs code",
      { stamps: (over) => [stamp({ over, by: "signs-code" })] },
      {},
      "is of no authority that is trusted",
    ],
    ["with no authority of time", {}, { times: [] }, "of no authority"],
    [
      "when its certificate had ended",
      { stamps: (over) => [stamp({ over, atMs: Date.now() + 2 * DAY_MS })] },
      {},
      "was not valid at",
    ],
    [
      "when the authority of time was not trusted",
      {},
      { validFor: { start: "2020-01-01T00:00:00Z", end: "2021-01-01T00:00:00Z" } },
      "when its authority was not trusted",
    ],
    [
      "with a time stamp that was refused",
      { stamps: (over) => [stamp({ over, status: 2 })] },
      {},
      "was refused",
    ],
    [
      "with a time stamp that somebody changed",
      {
        stamps: (over) => [
          stamp({ over, change: (info) => Buffer.concat([info.subarray(0, -1), Buffer.from("X")]) }),
        ],
      },
      {},
      "a time stamp",
    ],
    ["with a time stamp that is none", { stamps: () => [base64("x"), ""] }, {}, "was refused"],
    [
      "with two times, of which one is when its certificate had ended",
      { stamps: (over) => [stamp({ over }), stamp({ over, atMs: Date.now() + 2 * DAY_MS })] },
      {},
      "was not valid at",
    ],
    ["without a proof", { isProven: false }, {}, "neither promised to keep one nor proves"],
    ["in a log of a stranger", { keptBy: stranger }, {}, "or of a log that is not trusted"],
    [
      "in a log of the key, by another name",
      { origin: "other.example" },
      {},
      "or of a log that is not trusted",
    ],
    [
      "in a log whose name is another",
      {},
      { tlog: { logId: { keyId: base64(sha256(Buffer.from("x"))) } } },
      "or of a log that is not trusted",
    ],
    ["logged for another payload", { about: { payload: old } }, {}, "about another signature"],
    ["logged for another signature", { about: { signature: old } }, {}, "about another signature"],
    ["logged for another signer", { about: { by: "also-me" } }, {}, "about another signature"],
    [
      "logged for another payload, as hashedrekord",
      { kind: "hashedrekord", about: { payload } },
      {},
      "about another signature",
    ],
    [
      "logged as nothing known",
      { body: (body) => ({ ...body, kind: "alpine" }) },
      {},
      "about another signature",
    ],
    [
      "logged in the form of the first version",
      { body: (body) => ({ ...body, apiVersion: "0.0.1" }) },
      {},
      "about another signature",
    ],
  ])("does not count %s", (_, made, trusted, why) => {
    expect(answer(made, trusted)).toContain(why);
  });

  test("by key needs no time, and its log all the same", () => {
    const made = bundle({ byKey: true, stamps: () => [] });
    const logs = [trustedLog(log.spki, "log")];
    expect(trustKeys([publicKey()], logs).signerOf(made)).toBe("me.pub");
    const unproven = bundle({ byKey: true, stamps: () => [], isProven: false });
    expect(() => trustKeys([publicKey()], logs).signerOf(unproven)).toThrow("nor proves");
  });

  test("takes the time stamps that openssl makes", () => {
    const { folder } = certificates;
    const stamps = (signature: Uint8Array): string[] => {
      writeFileSync(join(folder, "signature"), signature);
      writeFileSync(
        join(folder, "ts.conf"),
        "[t]\nserial=serial\ndefault_policy=1.2.3.4\ndigests=sha256\nsigner_digest=sha256\nsigner_cert=stamps.pem\nsigner_key=stamps.key\ness_cert_id_alg=sha256\n",
      );
      certificates.openssl("ts", "-query", "-data", "signature", "-sha256", "-cert", "-out", "query");
      certificates.openssl(
        "ts",
        "-reply",
        "-queryfile",
        "query",
        "-config",
        "ts.conf",
        "-section",
        "t",
        "-out",
        "reply",
      );
      return [readFileSync(join(folder, "reply"), "base64")];
    };
    // A certificate begins at the second in which it is made.
    expect(answer({ stamps })).toBe("me@example.org");
  });
});
