/** Signatures in cosign's first format whose time an authority stamped: one that cosign made, and ours by certificates and stamps of openssl's. */
import { afterAll, describe, expect, test } from "bun:test";
import { createPrivateKey, sign, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Certificates } from "../../test/support/certificates.ts";
import { needs, program } from "../../test/support/needs.ts";
import { RegistryClient } from "../distribution/client/index.ts";
import { openRegistry } from "../distribution/registry/index.ts";
import { type Annotations, type Digest, digestOf, mediaTypes, parseReference } from "../spec/index.ts";
import { signatureTag } from "./find.ts";
import {
  CERTIFICATE_ANNOTATION,
  encodePayload,
  SIGNATURE_ANNOTATION,
  SIMPLE_SIGNING,
  TIMESTAMP_ANNOTATION,
} from "./simple-signing.ts";
import { trustIdentity } from "./trust.ts";
import { parseTrustedRoot } from "./trusted-root.ts";
import { verifyImage } from "./verify.ts";

const certificates = new Certificates();
const registry = openRegistry({ root: join(certificates.folder, "registry") });
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  certificates[Symbol.dispose]();
});
const at = (file: string): string => join(certificates.folder, file);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

let count = 0;
interface Stamped {
  digest: Digest;
  payload: Uint8Array;
  annotations: Annotations;
  /** PEM: who certifies signers, and who tells the time. */
  authority: string;
  time: string | undefined;
  log?: string;
}

/** Puts a signature where cosign puts it, and asks whether somebody at a provider made it. */
async function ask({ digest, payload, annotations, authority, time, log }: Stamped): Promise<string> {
  count += 1;
  const client = new RegistryClient(parseReference(`r.example/app${count}`), {
    fetch: (request) => registry.handle(request),
  });
  const push = async (bytes: Uint8Array, mediaType: string) => {
    const blob = { digest: digestOf(bytes), size: bytes.byteLength };
    await client.pushBlob(blob, () => new Blob([new Uint8Array(bytes)]).stream());
    return { mediaType, ...blob };
  };
  const config = await push(Buffer.from("{}"), mediaTypes.config);
  const layers = [{ ...(await push(payload, SIMPLE_SIGNING)), annotations }];
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers };
  const bytes = Buffer.from(JSON.stringify(manifest));
  await client.putManifest(signatureTag(digest), { mediaType: mediaTypes.manifest, bytes });
  const chain = (pem: string) => ({
    certificates: (pem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map((one) => ({
      rawBytes: one.replaceAll(/-----[^-]+-----|\s/g, ""),
    })),
  });
  const root = {
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    certificateAuthorities: [{ certChain: chain(authority) }],
    timestampAuthorities: time === undefined ? [] : [{ certChain: chain(time) }],
    tlogs: log === undefined ? [] : [{ publicKey: { rawBytes: log } }],
  };
  const identity = { subject: "me@example.org", issuer: "https://login.example" };
  const trust = trustIdentity(identity, parseTrustedRoot(JSON.stringify(root), "root.json"));
  return await verifyImage(client, {
    image: "app",
    digests: [digest],
    trust,
    refuseIdentity: () => undefined,
  }).then(({ signer }) => signer, String);
}

const path = join(import.meta.dir, "../../test/fixtures/cosign/stamped.json");
/** Made by cosign with `--timestamp-server-url`; its certificate lasted a day. */
const cosign = JSON.parse(readFileSync(path, "utf8")) as Omit<Stamped, "payload"> & { payload: string };
const theirs: Stamped = { ...cosign, payload: Buffer.from(cosign.payload, "base64") };

describe("what cosign signed and had stamped", () => {
  test("is its subject's, also when the certificate has ended", async () => {
    expect(await ask(theirs)).toBe("me@example.org");
  });

  test("does not count where a log is asked for too, or no authority of time is known, or it is not stamped", async () => {
    const log = new X509Certificate(theirs.authority).publicKey.export({ type: "spki", format: "der" });
    expect(await ask({ ...theirs, log: base64(log) })).toContain("one is in no transparency log");
    expect(await ask({ ...theirs, time: undefined })).toContain("of no authority that is trusted");
    expect(await ask({ ...theirs, time: theirs.authority })).toContain("of no authority that is trusted");
    const { [TIMESTAMP_ANNOTATION]: _, ...bare } = theirs.annotations;
    expect(await ask({ ...theirs, annotations: bare })).toContain("nobody says when one was made");
  });

  test.each([
    ["no JSON", "{", "annotation dev.sigstore.cosign/rfc3161timestamp"],
    ["something else", "{}", "SignedRFC3161Timestamp"],
    ["no base64", '{"SignedRFC3161Timestamp":"!"}', "wants base64"],
    ["no time stamp", '{"SignedRFC3161Timestamp":"AAAA"}', "an element ends beyond its parent"],
  ])("does not count with a stamp that is %s", async (_, annotation, why) => {
    const annotations = { ...theirs.annotations, [TIMESTAMP_ANNOTATION]: annotation };
    expect(await ask({ ...theirs, annotations })).toContain(why);
  });
});

let isMade = false;
function makeCertificates(): void {
  if (isMade) return;
  isMade = true;
  for (const name of ["ca", "time"]) certificates.root(name);
  certificates.certify("me", "ca", [
    "subjectAltName=critical,email:me@example.org",
    "extendedKeyUsage=codeSigning",
    "1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:https://login.example",
  ]);
  certificates.certify("stamps", "time", ["extendedKeyUsage=critical,timeStamping"], 7);
  writeFileSync(
    at("tsa.cnf"),
    `[tsa]\ndefault_tsa = one\n[one]\nserial = ${at("serial")}\nsigner_cert = ${at("stamps.pem")}\nsigner_key = ${at("stamps.key")}
signer_digest = sha256\ndefault_policy = 1.2.3.4\ndigests = sha256\ness_cert_id_alg = sha256\n`,
  );
}

/** What openssl answers as an authority of time. */
function stamp(signature: Uint8Array): string {
  writeFileSync(at("signature"), signature);
  certificates.openssl("ts", "-query", "-data", "signature", "-sha256", "-cert", "-out", "query");
  certificates.openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply");
  return JSON.stringify({ SignedRFC3161Timestamp: base64(readFileSync(at("reply"))) });
}

const opensslTest = needs(program("openssl"));
describe("what openssl stamped", () => {
  opensslTest("counts for that very signature", async () => {
    makeCertificates();
    const digest = digestOf("image");
    const payload = encodePayload("r.example/app", digest);
    const key = createPrivateKey(certificates.text("me.key"));
    const [one, other] = [sign("sha256", payload, key), sign("sha256", payload, key)];
    const made = (annotation: string): Stamped => ({
      digest,
      payload,
      annotations: {
        [SIGNATURE_ANNOTATION]: base64(one),
        [CERTIFICATE_ANNOTATION]: certificates.text("me.pem"),
        [TIMESTAMP_ANNOTATION]: annotation,
      },
      authority: certificates.text("ca.pem"),
      time: certificates.text("time.pem"),
    });
    expect(await ask(made(stamp(one)))).toBe("me@example.org");
    expect(await ask(made(stamp(other)))).toContain("a time stamp is about another signature");
  });
});
