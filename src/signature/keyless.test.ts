/** Signatures by certificate: an authority, a log and signers of our own, and the ways in which one could be somebody else. */
import { afterAll, describe, expect } from "bun:test";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { Certificates } from "../../test/support/certificates.ts";
import { needs, program } from "../../test/support/needs.ts";
import { digestOf } from "../spec/index.ts";
import { BUNDLE, parseBundle, SIGN_PREDICATE } from "./bundle.ts";
import { publicKeyOf } from "./key.ts";
import { encodePayload, parseLogAnnotation } from "./simple-signing.ts";
import { type Signed, trustIdentity, trustKeys } from "./trust.ts";
import { parseTrustedRoot } from "./trusted-root.ts";

const certificates = new Certificates();
afterAll(() => certificates[Symbol.dispose]());
const opensslTest = needs(program("openssl"));
const text = (name: string): string => certificates.text(name);
const der = (name: string): Buffer => certificates.der(name);

const NAME = "subjectAltName=critical,email:me@example.org";
const SIGNS = "extendedKeyUsage=codeSigning";
const ISSUER = "1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:https://login.example";

let made = false;
function makeCertificates(): void {
  if (made) return;
  made = true;
  certificates.root("ca");
  certificates.root("stranger");
  const certify = certificates.certify.bind(certificates);
  certify("between", "ca", ["basicConstraints=critical,CA:TRUE"]);
  const good = [NAME, SIGNS, ISSUER];
  certify("good", "ca", good);
  certify("deep", "between", good);
  certify("impostor", "stranger", good);
  certify("other-name", "ca", ["subjectAltName=critical,email:you@example.org", SIGNS, ISSUER]);
  certify("two-names", "ca", [`${NAME},email:you@example.org`, SIGNS, ISSUER]);
  certify("build", "ca", [
    "subjectAltName=critical,URI:https://ci.example/a/b@refs/heads/main",
    SIGNS,
    ISSUER,
  ]);
  certify("other-issuer", "ca", [NAME, SIGNS, "1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:https://evil.example"]);
  certify("no-issuer", "ca", [NAME, SIGNS]);
  certify("web", "ca", [NAME, "extendedKeyUsage=serverAuth", ISSUER]);
  certify("by-leaf", "good", good);
}

/** A log with a key of its own. */
class Log {
  readonly #pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly spki = this.#pair.publicKey.export({ type: "spki", format: "der" });

  /** What it says of an entry. */
  promise(body: object, integratedTime: number, logIndex = 7) {
    const signed = {
      body: Buffer.from(JSON.stringify(body)).toString("base64"),
      integratedTime,
      logID: createHash("sha256").update(this.spki).digest("hex"),
      logIndex,
    };
    const promise = sign("sha256", Buffer.from(JSON.stringify(signed)), this.#pair.privateKey);
    return { ...signed, promise: promise.toString("base64") };
  }
}

const log = new Log();
const DIGEST = digestOf("x");
const nowS = (): number => Math.floor(Date.now() / 1000) + 5;

function root(authorities: readonly string[], logs: readonly Log[] = [log]) {
  makeCertificates();
  return parseTrustedRoot(
    JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: logs.map(({ spki }) => ({ publicKey: { rawBytes: spki.toString("base64") } })),
      certificateAuthorities: authorities.map((name) => ({
        certChain: { certificates: [{ rawBytes: der(name).toString("base64") }] },
      })),
    }),
    "root.json",
  );
}

interface Case {
  /** Whose certificate. */
  by?: string;
  /** Whose key signed, if another's. */
  key?: string;
  atS?: number;
  /** Changes what the log keeps. */
  body?: (body: { kind: string; spec: Record<string, unknown> }) => object;
  keptBy?: Log;
  change?: (signed: Signed) => Signed;
}

/** A signature in the first format, by certificate. */
function simple({
  by = "good",
  key = by,
  atS = nowS(),
  body = (same) => same,
  keptBy = log,
  change,
}: Case): Signed {
  makeCertificates();
  const payload = encodePayload("r.example/app", DIGEST);
  const signature = sign("sha256", payload, createPrivateKey(text(`${key}.key`)));
  const spec = {
    data: { hash: { algorithm: "sha256", value: createHash("sha256").update(payload).digest("hex") } },
    signature: {
      content: signature.toString("base64"),
      publicKey: { content: Buffer.from(text(`${by}.pem`)).toString("base64") },
    },
  };
  const { promise, ...said } = keptBy.promise(body({ kind: "hashedrekord", spec }), atS);
  const annotation = JSON.stringify({ SignedEntryTimestamp: promise, Payload: said });
  const signed = {
    message: payload,
    payload,
    signatures: [signature],
    certificate: text(`${by}.pem`),
    entries: parseLogAnnotation(annotation),
  };
  return change?.(signed) ?? signed;
}

const IDENTITY = { subject: "me@example.org", issuer: "https://login.example" };
function answer(signed: Signed, identity = IDENTITY, trusted = root(["ca"])): string {
  try {
    return trustIdentity(identity, trusted).signerOf(signed);
  } catch (error) {
    return String(error);
  }
}

describe("a signature by certificate", () => {
  opensslTest("is its subject's", () => {
    expect(answer(simple({}))).toBe("me@example.org");
    const build = { subject: "https://ci.example/a/b@refs/heads/main", issuer: IDENTITY.issuer };
    expect(answer(simple({ by: "build" }), build)).toBe(build.subject);
  });

  opensslTest("may come with certificates between, which alone are worth nothing", () => {
    const signed = simple({ by: "deep" });
    expect(answer(signed)).toContain("of no authority that is trusted");
    makeCertificates();
    expect(answer({ ...signed, chain: text("between.pem") })).toBe("me@example.org");
    expect(answer({ ...simple({ by: "impostor" }), chain: text("stranger.pem") })).toContain(
      "of no authority",
    );
  });

  opensslTest.each<[string, Case, string]>([
    ["of another authority", { by: "impostor" }, "of no authority that is trusted"],
    [
      "of one who is no authority",
      { by: "by-leaf", change: (signed) => ({ ...signed, chain: text("good.pem") }) },
      "of no authority",
    ],
    ["of an authority itself", { by: "ca" }, "an authority's own"],
    ["of somebody else", { by: "other-name" }, "made by you@example.org"],
    ["with two names", { by: "two-names" }, "has not one name"],
    ["by another provider", { by: "other-issuer" }, "who logged in at https://evil.example"],
    ["by no provider", { by: "no-issuer" }, "does not say at which provider"],
    ["for something else", { by: "web" }, "not for signing code"],
    ["whose key did not sign", { key: "other-name" }, "not made with the key of its certificate"],
    ["when it had ended", { atS: nowS() + 2 * 86_400 }, "was not valid at"],
    ["before it began", { atS: 1 }, "was not valid at"],
    ["in no log", { change: (signed) => ({ ...signed, entries: [] }) }, "in no transparency log"],
    ["in another log", { keptBy: new Log() }, "in a log that is not trusted"],
    [
      "without a certificate",
      { change: (signed) => ({ ...signed, certificate: undefined }) },
      "without a certificate",
    ],
    [
      // The time of the certificate is the log's word alone.
      "at a time that somebody changed",
      {
        change: (signed) => ({
          ...signed,
          entries: signed.entries.map((one) => ({ ...one, integratedTime: one.integratedTime + 1 })),
        }),
      },
      "promise is not the log's",
    ],
    [
      "with a promise that the log did not keep",
      {
        change: (signed) => ({
          ...signed,
          entries: signed.entries.map((one) => ({
            ...one,
            proof: { logIndex: 0, treeSize: 1, rootHash: "AAAA", hashes: [], checkpoint: "" },
          })),
        }),
      },
      "a proof that one is in a log is wrong",
    ],
    [
      "that a log neither promises to keep nor proves to have",
      {
        change: (signed) => ({
          ...signed,
          entries: signed.entries.map((one) => ({ ...one, promise: undefined })),
        }),
      },
      "neither promised to keep one nor proves",
    ],
    [
      // CVE-2022-36056 and its kind: an honest promise about something else.
      "with the promise about another payload",
      {
        body: ({ kind, spec }) => ({
          kind,
          spec: { ...spec, data: { hash: { algorithm: "sha256", value: "00" } } },
        }),
      },
      "about another signature",
    ],
    [
      "with the promise about another signature",
      {
        body: ({ kind, spec }) => ({
          kind,
          spec: { ...spec, signature: { ...(spec["signature"] as object), content: "AAAA" } },
        }),
      },
      "about another signature",
    ],
    [
      "with the promise about another signer",
      {
        body: ({ kind, spec }) => ({
          kind,
          spec: {
            ...spec,
            signature: {
              ...(spec["signature"] as object),
              publicKey: { content: Buffer.from(text("web.pem")).toString("base64") },
            },
          },
        }),
      },
      "about another signature",
    ],
    [
      "with the promise about nothing known",
      { body: () => ({ kind: "alpine", spec: {} }) },
      "about another signature",
    ],
  ])("does not count: %s", (_, made, why) => {
    expect(answer(simple(made))).toContain(why);
  });

  opensslTest("counts only at a time at which its log was trusted", () => {
    const atS = nowS();
    const { logs } = root(["ca"]);
    const at = (fromMs: number, toMs: number): string =>
      answer(simple({ atS }), IDENTITY, {
        ...root(["ca"]),
        logs: logs.map((one) => ({ ...one, fromMs, toMs })),
      });
    // Both ends are included.
    expect(at(atS * 1000, atS * 1000)).toBe("me@example.org");
    expect(at(0, atS * 1000 - 1)).toContain("when the log was not trusted");
    expect(at(atS * 1000 + 1, Number.MAX_SAFE_INTEGER)).toContain("when the log was not trusted");
  });

  opensslTest("needs a root whose times are times, and of which none is open at its beginning", () => {
    makeCertificates();
    const parse = (validFor: object): unknown =>
      parseTrustedRoot(
        JSON.stringify({
          mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
          tlogs: [{ publicKey: { rawBytes: log.spki.toString("base64"), validFor } }],
        }),
        "root.json",
      );
    expect(() => parse({})).toThrow("validFor.start: found nothing");
    expect(() => parse({ start: "soon" })).toThrow('validFor: found "soon", wants a time');
  });

  opensslTest("as a bundle", () => {
    makeCertificates();
    const statement = {
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ digest: { sha256: DIGEST.slice(7) } }],
      predicateType: SIGN_PREDICATE,
    };
    const payload = Buffer.from(JSON.stringify(statement));
    const type = "application/vnd.in-toto+json";
    const message = Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} ${payload}`);
    const signature = sign("sha256", message, createPrivateKey(text("good.key"))).toString("base64");
    const verifier = Buffer.from(text("good.pem")).toString("base64");
    const value = createHash("sha256").update(payload).digest("hex");
    const spec = { payloadHash: { algorithm: "sha256", value }, signatures: [{ signature, verifier }] };
    const said = log.promise({ kind: "dsse", spec }, nowS());
    const bundle = (rawBytes: string): Uint8Array =>
      Buffer.from(
        JSON.stringify({
          mediaType: BUNDLE,
          verificationMaterial: {
            certificate: { rawBytes },
            tlogEntries: [
              {
                logIndex: `${said.logIndex}`,
                logId: { keyId: Buffer.from(said.logID, "hex").toString("base64") },
                integratedTime: `${said.integratedTime}`,
                inclusionPromise: { signedEntryTimestamp: said.promise },
                canonicalizedBody: said.body,
              },
            ],
          },
          dsseEnvelope: {
            payload: payload.toString("base64"),
            payloadType: type,
            signatures: [{ sig: signature }],
          },
        }),
      );
    expect(answer(parseBundle(bundle(der("good").toString("base64"))))).toBe("me@example.org");
    expect(answer(parseBundle(bundle(der("web").toString("base64"))))).toContain(
      "not made with the key of its certificate",
    );
  });
});

describe("a signature by key that a log must have seen", () => {
  opensslTest("counts with its promise, and not without", () => {
    makeCertificates();
    const object: KeyObject = createPublicKey(text("good.key"));
    const key = publicKeyOf(object, "good");
    const pem = object.export({ type: "spki", format: "pem" });
    const { logs } = root([]);
    const body: Case["body"] = ({ kind, spec }) => ({
      kind,
      spec: {
        ...spec,
        signature: {
          ...(spec["signature"] as object),
          publicKey: { content: Buffer.from(pem).toString("base64") },
        },
      },
    });
    expect(trustKeys([key], logs).signerOf(simple({ body }))).toBe("good");
    expect(() => trustKeys([key], logs).signerOf({ ...simple({ body }), entries: [] })).toThrow(
      "in no transparency log",
    );
    expect(() => trustKeys([key], logs).signerOf(simple({}))).toThrow("about another signature");
  });
});
