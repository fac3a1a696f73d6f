/** Policies with `pki`: authorities of one's own, asked by a policy about images in a registry. */
import { afterAll, describe, expect } from "bun:test";
import { createPrivateKey, sign } from "node:crypto";
import { join } from "node:path";
import { Certificates } from "../../test/support/certificates.ts";
import { needs, program } from "../../test/support/needs.ts";
import { RegistryClient } from "../distribution/client/index.ts";
import { openRegistry } from "../distribution/registry/index.ts";
import { digestOf, mediaTypes, parseReference, type Tag } from "../spec/index.ts";
import { enforcePolicy } from "./enforce.ts";
import { signatureTag } from "./find.ts";
import { parsePolicy } from "./policy.ts";
import {
  CERTIFICATE_ANNOTATION,
  CHAIN_ANNOTATION,
  encodePayload,
  SIGNATURE_ANNOTATION,
  SIMPLE_SIGNING,
} from "./simple-signing.ts";

const test = needs(program("openssl"));
const certificates = new Certificates();
const registry = openRegistry({ root: join(certificates.folder, "registry") });
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  certificates[Symbol.dispose]();
});
const reference = parseReference("r.io/app:1");
const client = new RegistryClient(reference, { fetch: (request) => registry.handle(request) });

const ME =
  "subjectAltName=email:me@example.org,email:us@example.org,DNS:build.example.org,DNS:*.ci.example.org";
const SIGNS = "extendedKeyUsage=codeSigning";
const AUTHORITY = "basicConstraints=critical,CA:TRUE";
let made = false;
function makeCertificates(): void {
  if (made) return;
  made = true;
  for (const name of ["root", "stranger"]) certificates.root(name);
  certificates.certify("between", "root", [AUTHORITY]);
  certificates.certify("last", "root", [`${AUTHORITY},pathlen:0`]);
  certificates.certify("below-last", "last", [AUTHORITY]);
  certificates.certify("limited", "root", [
    AUTHORITY,
    "nameConstraints=critical,permitted;email:example.org,permitted;DNS:example.org",
  ]);
  certificates.certify("elsewhere", "root", [
    AUTHORITY,
    "nameConstraints=critical,permitted;email:example.com",
  ]);
  for (const [name, by] of Object.entries({
    me: "root",
    deep: "between",
    deeper: "below-last",
    lasting: "last",
    narrow: "limited",
    strayed: "elsewhere",
    impostor: "stranger",
    "by-me": "me",
  }))
    certificates.certify(name, by, [ME, SIGNS]);
  certificates.certify("anything", "root", [ME]);
  certificates.certify("web", "root", [ME, "extendedKeyUsage=serverAuth"]);
  certificates.certify("text", "root", [
    "subjectAltName=@names",
    SIGNS,
    "[names]",
    "DNS.1=x.example.org, email:me@example.org",
  ]);
}

interface Case {
  by?: string;
  /** Whose key signed, if another's. */
  key?: string;
  /** Of the certificates that come along. */
  chain?: readonly string[];
  /** Of those in the policy. */
  intermediates?: readonly string[];
  subject?: object;
}

const pem = (names: readonly string[]): string =>
  names.map((name) => certificates.text(`${name}.pem`)).join("");
const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64");

async function push(bytes: Uint8Array, mediaType: string) {
  const blob = { digest: digestOf(bytes), size: bytes.byteLength };
  if (!(await client.hasBlob(blob)))
    await client.pushBlob(blob, () => new Blob([new Uint8Array(bytes)]).stream());
  return { mediaType, ...blob };
}

/** Signs an image as cosign does with a certificate. @returns its digest */
async function signed({ by = "me", key = by, chain = [] }: Case) {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }));
  await client.putManifest("1" as Tag, { mediaType: mediaTypes.index, bytes });
  const digest = digestOf(bytes);
  const payload = encodePayload("r.io/app:1", digest);
  const annotations = {
    [SIGNATURE_ANNOTATION]: base64(
      sign("sha256", payload, createPrivateKey(certificates.text(`${key}.key`))),
    ),
    [CERTIFICATE_ANNOTATION]: pem([by]),
    ...(chain.length > 0 && { [CHAIN_ANNOTATION]: pem(chain) }),
  };
  const layers = [{ ...(await push(payload, SIMPLE_SIGNING)), annotations }];
  const config = await push(Buffer.from("{}"), mediaTypes.config);
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers };
  await client.putManifest(signatureTag(digest), {
    mediaType: mediaTypes.manifest,
    bytes: Buffer.from(JSON.stringify(manifest)),
  });
  return digest;
}

async function ask(one: Case): Promise<string> {
  makeCertificates();
  const digest = await signed(one);
  const { intermediates = [], subject = { subjectEmail: "me@example.org" } } = one;
  const pki = {
    caRootsPath: join(certificates.folder, "root.pem"),
    ...(intermediates.length > 0 && { caIntermediatesData: base64(pem(intermediates)) }),
    ...subject,
  };
  const policy = parsePolicy(JSON.stringify({ default: [{ type: "sigstoreSigned", pki }] }), "policy.json");
  return await enforcePolicy({ path: "policy.json", policy }, client, reference, [digest]).then(
    () => "accepted",
    String,
  );
}

describe("an image that somebody signed whom one's own authority certified", () => {
  test.each<[string, Case]>([
    ["by his address", {}],
    ["by another address of his", { subject: { subjectEmail: "us@example.org" } }],
    ["by his host", { subject: { subjectHostname: "Build.example.org" } }],
    ["by a host of many", { subject: { subjectHostname: "7.ci.example.org" } }],
    ["by both", { subject: { subjectEmail: "me@example.org", subjectHostname: "build.example.org" } }],
    ["through one between that the policy has", { by: "deep", intermediates: ["between"] }],
    ["through one between that comes along", { by: "deep", chain: ["between", "root"] }],
    ["through one that may not have others below", { by: "lasting", intermediates: ["last"] }],
    ["through one that may certify such names only", { by: "narrow", chain: ["limited"] }],
    ["for no purpose in particular", { by: "anything" }],
  ])("is accepted %s", async (_, one) => {
    expect(await ask(one)).toBe("accepted");
  });

  test.each<[string, Case, string]>([
    ["of another authority", { by: "impostor" }, "of no authority that is trusted"],
    ["of another authority that comes along", { by: "impostor", chain: ["stranger"] }, "of no authority"],
    ["of one who is no authority", { by: "by-me", chain: ["me", "root"] }, "of no authority"],
    ["through one between that is not there", { by: "deep" }, "of no authority"],
    [
      "through more authorities than one may have below",
      { by: "deeper", chain: ["below-last", "last"] },
      "above more authorities than it may",
    ],
    [
      "through one that may certify others only",
      { by: "strayed", chain: ["elsewhere"] },
      'may not certify "me@example.org", only some names',
    ],
    ["of an authority itself", { by: "between" }, "an authority's own"],
    [
      "with another address",
      { subject: { subjectEmail: "you@example.org" } },
      'made by "me@example.org" or "us@example.org", not by you@example.org',
    ],
    ["with another host", { subject: { subjectHostname: "other.example.org" } }, "not at other.example.org"],
    ["with a host two labels below", { subject: { subjectHostname: "a.b.ci.example.org" } }, "not at a.b.ci"],
    [
      "with one of two names",
      { subject: { subjectEmail: "me@example.org", subjectHostname: "x.org" } },
      "not at x.org",
    ],
    // CVE-2021-44532: a host whose text holds an address.
    ["with a host that reads like an address", { by: "text" }, "made by nobody in particular"],
    ["for something else", { by: "web" }, "not for signing code"],
    ["by another key", { key: "deep" }, "not made with the key of its certificate"],
  ])("is refused %s", async (_, one, why) => {
    expect(await ask(one)).toContain(why);
  });
});
