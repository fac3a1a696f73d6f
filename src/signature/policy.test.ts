/** containers-policy.json, clause by clause. Source: containers/image docs/containers-policy.json.5.md. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RegistryClient } from "../distribution/client/index.ts";
import { openRegistry } from "../distribution/registry/index.ts";
import { digestOf, mediaTypes, parseReference, type Tag } from "../spec/index.ts";
import { enforcePolicy } from "./enforce.ts";
import { refuseIdentity, type SignedIdentity } from "./identity.ts";
import { generateKeyPair, parsePrivateKey } from "./key.ts";
import { parsePolicy, requirementsFor } from "./policy.ts";
import { signImage } from "./sign.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-policy-"));
afterAll(() => rmSync(folder, { recursive: true }));
const ANYTHING = [{ type: "insecureAcceptAnything" }];
const REJECT = [{ type: "reject" }];

describe("parsePolicy()", () => {
  const signed = (fields: object): object => ({ default: [{ type: "sigstoreSigned", ...fields }] });

  test.each<[string, unknown, string]>([
    ["no default", { transports: {} }, "default: found nothing"],
    ["a requirement nobody asks", { default: [] }, "default: found an empty list"],
    ["an unknown type", { default: [{ type: "accept" }] }, 'default[0].type: found "accept"'],
    ["a wrong letter", { default: ANYTHING, transport: {} }, "transport: found this field"],
    ["a wrong letter in a requirement", signed({ keypath: "k" }), "found no key"],
    ["two keys", signed({ keyPath: "k", keyData: "eA==" }), "found keyPath and keyData"],
    [
      "a certificate's authority without a log",
      signed({ fulcio: { caPath: "c", oidcIssuer: "i", subjectEmail: "e" } }),
      "found fulcio without a log",
    ],
    [
      "two authorities",
      signed({
        fulcio: { caPath: "c", caData: "", oidcIssuer: "i", subjectEmail: "e" },
        rekorPublicKeyPath: "r",
      }),
      "fulcio: found two",
    ],
    ["no roots of its own", signed({ pki: { subjectEmail: "e" } }), "pki: found no roots"],
    [
      "roots twice",
      signed({ pki: { caRootsPath: "r", caRootsData: "", subjectEmail: "e" } }),
      "pki: found two",
    ],
    ["nobody certified", signed({ pki: { caRootsPath: "r", subjectEmail: "" } }), "pki: found no name"],
    ["a wrong letter there", signed({ pki: { caRootPath: "r" } }), "pki: found no roots"],
    [
      "certificates between, twice",
      signed({
        pki: { caRootsPath: "r", caIntermediatesPath: "i", caIntermediatesData: "", subjectHostname: "h" },
      }),
      "pki: found two",
    ],
    [
      "a log of signatures by authorities of one's own",
      signed({ pki: { caRootsPath: "r", subjectHostname: "h" }, rekorPublicKeyPath: "l" }),
      "found pki and rekorPublicKeyPath",
    ],
    // No key at all would be anybody's, no log at all would ask for nothing.
    [
      "a list of no logs",
      signed({ keyPath: "k", rekorPublicKeyPaths: [] }),
      "rekorPublicKeyPaths: found an empty list",
    ],
    ["a list of no keys", signed({ keyDatas: [] }), "keyDatas: found an empty list"],
    ["an OpenPGP key without a type", { default: [{ type: "signedBy", keyPath: "k" }] }, "keyType"],
    ["no OpenPGP key", { default: [{ type: "signedBy", keyType: "GPGKeys" }] }, "found no key"],
    [
      "two of them",
      { default: [{ type: "signedBy", keyType: "GPGKeys", keyPath: "k", keyData: "" }] },
      "keyPath and keyData",
    ],
    [
      "a list of none",
      { default: [{ type: "signedBy", keyType: "GPGKeys", keyPaths: [] }] },
      "an empty list",
    ],
    [
      "an unknown identity",
      signed({ keyPath: "k", signedIdentity: { type: "match" } }),
      "signedIdentity.type",
    ],
    [
      "an identity without its name",
      signed({ keyPath: "k", signedIdentity: { type: "exactReference" } }),
      "signedIdentity.dockerReference",
    ],
    [
      "a mistake in a scope",
      { default: REJECT, transports: { docker: { "a.io": [{}] } } },
      'transports.docker["a.io"][0].type',
    ],
  ])("refuses %s", (_, policy, why) => {
    expect(() => parsePolicy(JSON.stringify(policy), "policy.json")).toThrow(why);
  });

  test("reads what distributions ship, and does not look at other transports", () => {
    const transports = { "docker-daemon": { "": ANYTHING }, dir: { "/x": [{ type: "new" }] } };
    expect(parsePolicy(JSON.stringify({ default: ANYTHING, transports }), "x").default).toHaveLength(1);
  });
});

describe("requirementsFor()", () => {
  const DIGEST = digestOf("x");
  const docker = Object.fromEntries(
    [
      "docker.io/library/busybox:1",
      "docker.io/library",
      "host.example/team/app",
      `host.example/team/app@${DIGEST}`,
      "host.example",
      "host.example:5000",
      "*.example",
      "*.deep.example",
      "",
    ].map((scope) => [scope, ANYTHING]),
  );
  const policy = parsePolicy(JSON.stringify({ default: REJECT, transports: { docker } }), "x");

  test.each([
    ["busybox:1", "docker.io/library/busybox:1"],
    ["busybox:2", "docker.io/library"],
    ["team/app", "all registries"],
    ["host.example/team/app:9", "host.example/team/app"],
    [`host.example/team/app@${DIGEST}`, `host.example/team/app@${DIGEST}`],
    // Not below team/app: a component ends at a slash.
    ["host.example/team/apple", "host.example"],
    ["host.example/team/app/more", "host.example/team/app"],
    ["host.example:5000/team/app", "host.example:5000"],
    ["host.example:6000/team/app", "*.example:6000"],
    ["a.example/x", "*.example"],
    ["a.deep.example/x", "*.deep.example"],
    ["b.a.deep.example/x", "*.deep.example"],
  ])("of %s says %s", (name, scope) => {
    const found = requirementsFor(policy, parseReference(name));
    expect(found.scope).toBe(scope === "*.example:6000" ? "all registries" : scope);
  });

  test("falls back to the default, where no transport is named", () => {
    const plain = parsePolicy(JSON.stringify({ default: REJECT }), "x");
    expect(requirementsFor(plain, parseReference("a")).requirements).toEqual(REJECT as never);
  });
});

describe("refuseIdentity()", () => {
  const DIGEST = digestOf("x");
  const exactReference: SignedIdentity = { type: "exactReference", dockerReference: "up.io/app:1" };
  const exactRepository: SignedIdentity = { type: "exactRepository", dockerRepository: "up.io/app" };
  const remap: SignedIdentity = { type: "remapIdentity", prefix: "mirror.io/up", signedPrefix: "up.io" };

  test.each<[SignedIdentity | string, string, string, boolean]>([
    ["matchExact", "h.io/a:1", "h.io/a:1", true],
    ["matchExact", "h.io/a:1", "h.io/a:2", false],
    ["matchExact", "h.io/a:1", "h.io/a", false],
    ["matchExact", `h.io/a@${DIGEST}`, "h.io/a:1", false],
    ["matchExact", `h.io/a@${DIGEST}`, `h.io/a@${DIGEST}`, true],
    ["matchRepoDigestOrExact", "h.io/a:1", "h.io/a:1", true],
    ["matchRepoDigestOrExact", "h.io/a:1", "h.io/a:2", false],
    ["matchRepoDigestOrExact", "h.io/a:1", "h.io/a", false],
    ["matchRepoDigestOrExact", `h.io/a@${DIGEST}`, "h.io/a:2", true],
    ["matchRepoDigestOrExact", `h.io/a@${DIGEST}`, "h.io/b:2", false],
    ["matchRepository", "h.io/a:1", "h.io/a", true],
    ["matchRepository", "h.io/a:1", "h.io/a:2", true],
    ["matchRepository", "h.io/a:1", "h.io/a/b", false],
    ["matchRepository", "h.io/a:1", "h.io:5000/a", false],
    ["matchRepository", "busybox", "index.docker.io/library/busybox", true],
    [exactReference, "h.io/a:1", "up.io/app:1", true],
    [exactReference, "h.io/a:1", "up.io/app:2", false],
    [exactReference, "up.io/app:2", "up.io/app:2", false],
    [exactRepository, "h.io/a:1", "up.io/app:7", true],
    [exactRepository, "h.io/a:1", "up.io/apple", false],
    [remap, "mirror.io/up/app:1", "up.io/app:1", true],
    [remap, "mirror.io/up/app:1", "mirror.io/up/app:1", false],
    [remap, "mirror.io/upper/app:1", "up.io/per/app:1", false],
    [remap, "other.io/app:1", "other.io/app:1", true],
    [{ ...remap, prefix: "mirror.io" }, "mirror.io:5000/app:1", "up.io:5000/app:1", false],
  ])("%j: %s signed as %s: %p", (identity, wanted, signed, isAccepted) => {
    const rule = (typeof identity === "string" ? { type: identity } : identity) as SignedIdentity;
    expect(refuseIdentity(rule, parseReference(wanted), signed) === undefined).toBe(isAccepted);
  });

  test("refuses a signature that names nothing, whatever the rule", () => {
    expect(refuseIdentity({ type: "matchRepository" }, parseReference("a"), undefined)).toContain(
      "names no repository",
    );
    expect(refuseIdentity({ type: "matchRepository" }, parseReference("a"), "A B")).toContain(
      "no name of an image",
    );
  });
});

describe("enforcePolicy()", () => {
  const registry = openRegistry({ root: join(folder, "registry") });
  afterAll(async () => await registry[Symbol.asyncDispose]());
  const pair = generateKeyPair();
  const other = generateKeyPair();
  const newKey = parsePrivateKey(pair.privateKey, "k");
  const keyPath = join(folder, "k.pub");
  writeFileSync(keyPath, pair.publicKey);
  const reference = parseReference("r.io/app:1");
  const client = new RegistryClient(reference, { fetch: (request) => registry.handle(request) });

  async function signedImage() {
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }),
    );
    await client.putManifest("1" as Tag, { mediaType: mediaTypes.index, bytes });
    const subject = { mediaType: mediaTypes.index, digest: digestOf(bytes), size: bytes.length };
    await signImage(client, { subject, identity: "r.io/app:1", key: await newKey, format: "simple" });
    return subject;
  }

  async function ask(requirements: readonly object[], name = "r.io/app:1"): Promise<string> {
    const { digest } = await signedImage();
    const policy = parsePolicy(
      JSON.stringify({ default: REJECT, transports: { docker: { "r.io": requirements } } }),
      "policy.json",
    );
    return await enforcePolicy({ path: "policy.json", policy }, client, parseReference(name), [digest]).then(
      () => "accepted",
      String,
    );
  }
  const keyData = (pem: string): string => Buffer.from(pem).toString("base64");

  test.each<[string, readonly object[], string]>([
    ["anything", ANYTHING, "accepted"],
    ["nothing", REJECT, 'Cannot accept r.io/app:1: "policy.json" says so for r.io: it is to be rejected'],
    ["a key's", [{ type: "sigstoreSigned", keyPath }], "accepted"],
    ["a key's, in the policy", [{ type: "sigstoreSigned", keyData: keyData(pair.publicKey) }], "accepted"],
    [
      "one of several keys'",
      [{ type: "sigstoreSigned", keyDatas: [keyData(other.publicKey), keyData(pair.publicKey)] }],
      "accepted",
    ],
    [
      "another key's",
      [{ type: "sigstoreSigned", keyData: keyData(other.publicKey) }],
      "was not made with data in policy.json",
    ],
    [
      "both keys'",
      [
        { type: "sigstoreSigned", keyPath },
        { type: "sigstoreSigned", keyData: keyData(other.publicKey) },
      ],
      "was not made with data in policy.json",
    ],
    ["a key's, and rejects", [{ type: "sigstoreSigned", keyPath }, ...REJECT], "it is to be rejected"],
    [
      "a key that is not there",
      [{ type: "sigstoreSigned", keyPath: "/nonexistent" }],
      "the file cannot be read",
    ],
    [
      "another name's",
      [
        {
          type: "sigstoreSigned",
          keyPath,
          signedIdentity: { type: "exactRepository", dockerRepository: "r.io/b" },
        },
      ],
      'one is for "r.io/app:1"',
    ],
    [
      "an X.509 certificate's",
      [{ type: "signedBy", keyType: "X509Certificates", keyPath: "/x" }],
      "Unsupported signedBy of X509",
    ],
    [
      "an unreadable keyring's",
      [{ type: "signedBy", keyType: "GPGKeys", keyPath: "/none" }],
      "the file cannot be read",
    ],
    // What is asked for besides the key must not be passed over.
    [
      "a key's and a log's",
      [{ type: "sigstoreSigned", keyPath, rekorPublicKeyData: keyData(other.publicKey) }],
      "one is in no transparency log",
    ],
  ])("that accepts %s", async (_, requirements, answer) => {
    expect(await ask(requirements)).toContain(answer);
  });

  test("rejects what no scope is about", async () => {
    expect(await ask(ANYTHING, "elsewhere.io/app")).toContain("for everything by default");
  });
});
