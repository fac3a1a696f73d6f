/** Signatures, made and verified against our registry; and the ways in which one could be passed off as what it is not. */
import { afterAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, sign as signBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RegistryClient } from "../distribution/client/index.ts";
import { openRegistry } from "../distribution/registry/index.ts";
import {
  type Descriptor,
  type Digest,
  digestOf,
  mediaTypes,
  parseReference,
  type Tag,
} from "../spec/index.ts";
import { encodeBase64 } from "./base64.ts";
import { BUNDLE } from "./bundle.ts";
import { signatureTag } from "./find.ts";
import { refuseIdentity } from "./identity.ts";
import { generateKeyPair, type PrivateKey, parsePrivateKey, parsePublicKey } from "./key.ts";
import { signImage } from "./sign.ts";
import { encodePayload, SIGNATURE_ANNOTATION, SIMPLE_SIGNING } from "./simple-signing.ts";
import { trustKeys } from "./trust.ts";
import { type AcceptedSignature, verifyImage } from "./verify.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-signature-"));
const registry = openRegistry({ root: folder });
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
const FORMATS = ["simple", "bundle"] as const;

let count = 0;
/** A repository of its own. */
function newClient(hasReferrers = true): RegistryClient {
  count += 1;
  return new RegistryClient(parseReference(`r.example/app${count}`), {
    fetch: async (request) => {
      if (!hasReferrers && request.url.includes("/referrers/")) return new Response(null, { status: 404 });
      const response = await registry.handle(request);
      if (!hasReferrers) response.headers.delete("oci-subject");
      return response;
    },
  });
}

async function pushBlob(
  client: RegistryClient,
  content: string | Uint8Array,
  mediaType: string,
): Promise<Descriptor> {
  const bytes = new Uint8Array(Buffer.from(content));
  const blob = { digest: digestOf(bytes), size: bytes.length };
  await client.pushBlob(blob, () => new Blob([bytes]).stream());
  return { mediaType, ...blob };
}

/** An image that is like no other. */
async function pushImage(client: RegistryClient): Promise<Descriptor> {
  const config = await pushBlob(client, `{"n":${count++}}`, mediaTypes.config);
  return await pushManifest(client, { config, layers: [] });
}

async function pushManifest(client: RegistryClient, fields: object, target?: Tag): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, ...fields }));
  const digest = digestOf(bytes);
  await client.putManifest(target ?? digest, { mediaType: mediaTypes.manifest, bytes });
  return { mediaType: mediaTypes.manifest, digest, size: bytes.length };
}

const nameOf = (client: RegistryClient): string => `${client.registry}/${client.repository}`;
const newKey = async (): Promise<PrivateKey> =>
  await parsePrivateKey(generateKeyPair().privateKey, "test.key");

/** Verifies as `teu verify` does with --identity. */
async function verify(client: RegistryClient, digest: Digest, key: PrivateKey): Promise<AcceptedSignature> {
  const wanted = parseReference(nameOf(client));
  return await verifyImage(client, {
    image: nameOf(client),
    digests: [digest],
    trust: trustKeys([key.publicKey]),
    refuseIdentity: (signed) => refuseIdentity({ type: "matchRepository" }, wanted, signed),
  });
}

const failure = async (promise: Promise<unknown>): Promise<string> =>
  await promise.then(() => "accepted", String);

describe.each(FORMATS)("a signature (%s)", (format) => {
  test("is found, verified, and does not take the place of others", async () => {
    const client = newClient();
    const subject = await pushImage(client);
    const [first, second] = [await newKey(), await newKey()];
    const identity = `${nameOf(client)}:1`;
    expect(await failure(verify(client, subject.digest, first))).toContain("it has no signature");
    for (const key of [first, second]) await signImage(client, { subject, identity, key, format });
    for (const key of [first, second])
      expect(await verify(client, subject.digest, key)).toMatchObject({
        format,
        identity,
        digest: subject.digest,
      });
    expect(await failure(verify(client, subject.digest, await newKey()))).toContain("one was not made with");
  });

  test("is kept under a tag where the registry keeps no lists", async () => {
    const client = newClient(false);
    const subject = await pushImage(client);
    const [first, second] = [await newKey(), await newKey()];
    for (const key of [first, second])
      await signImage(client, { subject, identity: nameOf(client), key, format });
    for (const key of [first, second])
      expect((await verify(client, subject.digest, key)).format).toBe(format);
  });

  test("made for another repository does not count", async () => {
    const [client, other] = [newClient(), newClient()];
    const subject = await pushImage(client);
    const key = await newKey();
    await signImage(client, { subject, identity: nameOf(other), key, format });
    expect(await failure(verify(client, subject.digest, key))).toContain(`one is for "${nameOf(other)}"`);
  });

  test("moved to another repository, with its image, does not count there", async () => {
    const [client, other] = [newClient(), newClient()];
    const subject = await pushImage(client);
    const key = await newKey();
    await signImage(client, { subject, identity: nameOf(client), key, format });
    const copy = async (target: Tag | Digest): Promise<void> => {
      const { bytes, mediaType, document } = await client.resolve(target);
      if (document.kind !== "manifest") throw new Error("it is one");
      for (const blob of [document.manifest.config, ...document.manifest.layers]) {
        const content = await new Response(client.getBlob(blob)).bytes();
        await pushBlob(other, content, blob.mediaType);
      }
      await other.putManifest(target, { mediaType, bytes });
    };
    await copy(subject.digest);
    if (format === "simple") await copy(signatureTag(subject.digest));
    for (const { digest } of (await client.referrers(subject.digest)).descriptors) await copy(digest);
    expect(await failure(verify(other, subject.digest, key))).toContain(`one is for "${nameOf(client)}"`);
  });
});

describe("a signature of one image attached to another (GHSA-w6c6-c85g-mmv6)", () => {
  test("does not count, as a tag", async () => {
    const client = newClient();
    const [good, evil] = [await pushImage(client), await pushImage(client)];
    const key = await newKey();
    await signImage(client, { subject: good, identity: nameOf(client), key, format: "simple" });
    const { bytes, mediaType } = await client.resolve(signatureTag(good.digest));
    await client.putManifest(signatureTag(evil.digest), { mediaType, bytes });
    expect(await failure(verify(client, evil.digest, key))).toContain(
      `one is of ${good.digest}, not of this image`,
    );
  });

  test("does not count, as a bundle whose manifest has another subject", async () => {
    const client = newClient();
    const [good, evil] = [await pushImage(client), await pushImage(client)];
    const key = await newKey();
    const made = await signImage(client, { subject: good, identity: nameOf(client), key, format: "bundle" });
    const { document } = await client.resolve(made);
    if (document.kind !== "manifest") throw new Error("it is one");
    await pushManifest(client, { ...document.manifest, subject: evil });
    expect(await failure(verify(client, evil.digest, key))).toContain(
      `one is of ${good.digest}, not of this image`,
    );
  });
});

const key = await newKey();
describe("what looks like a signature", () => {
  /** Under the tag of signatures: payloads with what their annotation says. */
  async function attach(
    client: RegistryClient,
    digest: Digest,
    ...signatures: readonly { payload: Uint8Array; signature: string }[]
  ): Promise<void> {
    const layers: Descriptor[] = [];
    for (const { payload, signature } of signatures)
      layers.push({
        ...(await pushBlob(client, payload, SIMPLE_SIGNING)),
        annotations: { [SIGNATURE_ANNOTATION]: signature },
      });
    const config = await pushBlob(client, "{}", mediaTypes.config);
    await pushManifest(client, { config, layers }, signatureTag(digest));
  }

  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const rsa = { public: publicKey.export({ type: "spki", format: "pem" }).toString(), private: privateKey };

  test.each<[string, string, (payload: Uint8Array) => string]>([
    ["no base64", "no signature in base64", (payload) => `${encodeBase64(key.sign(payload))}\n`],
    [
      "base64 with something in it",
      "no signature in base64",
      (payload) => `!${encodeBase64(key.sign(payload))}`,
    ],
    ["nothing", "no signature in base64", () => ""],
    ["bytes that are no signature", "not made with", () => encodeBase64(Buffer.from("x"))],
    ["the signature of something else", "not made with", () => encodeBase64(key.sign(Buffer.from("x")))],
    // A public key is known to everybody: as the secret of a symmetric algorithm it would sign for everybody.
    [
      "a MAC made with the public key",
      "not made with",
      (payload) => new Bun.CryptoHasher("sha256", rsa.public).update(payload).digest("base64"),
    ],
    [
      "another key's",
      "not made with",
      (payload) => signBytes("sha256", payload, rsa.private).toString("base64"),
    ],
  ])("does not count: %s", async (_, why, signature) => {
    const client = newClient();
    const { digest } = await pushImage(client);
    const payload = encodePayload(nameOf(client), digest);
    await attach(client, digest, { payload, signature: signature(payload) });
    expect(await failure(verify(client, digest, key))).toContain(why);
  });

  test.each([
    ["of another type", { type: "atomic container signature" }, "critical.type"],
    ["without a digest", { image: {} }, "found nothing, wants a digest"],
    [
      "with a digest that is a path",
      { image: { "docker-manifest-digest": "sha256:../../x" } },
      "docker-manifest-digest",
    ],
    ["that names nothing", { identity: { "docker-reference": "::" } }, "is no name of an image"],
  ])("does not count, though the key signed it: a payload %s", async (_, fields, why) => {
    const client = newClient();
    const { digest } = await pushImage(client);
    const good = JSON.parse(Buffer.from(encodePayload(nameOf(client), digest)).toString());
    const payload = Buffer.from(JSON.stringify({ critical: { ...good.critical, ...fields } }));
    await attach(client, digest, { payload, signature: encodeBase64(key.sign(payload)) });
    expect(await failure(verify(client, digest, key))).toContain(why);
  });

  test("is not read, where it is huge, and does not hide the one that counts", async () => {
    const client = newClient();
    const { digest } = await pushImage(client);
    const payload = encodePayload(nameOf(client), digest);
    const huge = { payload: new Uint8Array(1 << 20), signature: "AAAA" };
    await attach(client, digest, huge);
    expect(await failure(verify(client, digest, key))).toContain("a signature of 1048576 bytes is not read");
    await attach(client, digest, huge, { payload, signature: encodeBase64(key.sign(payload)) });
    expect((await verify(client, digest, key)).digest).toBe(digest);
  });

  test("is not looked at for ever, where there are thousands", async () => {
    const client = newClient();
    const { digest } = await pushImage(client);
    const one = { payload: encodePayload(nameOf(client), digest), signature: "AAAA" };
    await attach(client, digest, ...Array.from({ length: 101 }, () => one));
    expect(await failure(verify(client, digest, key))).toContain("of 101 signatures only 100 are looked at");
  });

  test("is a statement about how the image was built: it says nothing of whether it is wanted", async () => {
    const client = newClient();
    const subject = await pushImage(client);
    const [, encoded] = subject.digest.split(":");
    const statement = {
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: nameOf(client), digest: { sha256: encoded } }],
      predicateType: "https://slsa.dev/provenance/v1",
    };
    const payload = Buffer.from(JSON.stringify(statement));
    const type = "application/vnd.in-toto+json";
    const message = Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} ${payload}`);
    const bundle = {
      mediaType: BUNDLE,
      verificationMaterial: { publicKey: {} },
      dsseEnvelope: {
        payload: encodeBase64(payload),
        payloadType: type,
        signatures: [{ sig: encodeBase64(key.sign(message)) }],
      },
    };
    const layer = await pushBlob(client, JSON.stringify(bundle), BUNDLE);
    const config = await pushBlob(client, "{}", mediaTypes.empty);
    await pushManifest(client, { artifactType: BUNDLE, config, layers: [layer], subject });
    expect(await failure(verify(client, subject.digest, key))).toContain("predicateType");
  });
});

describe("keys", () => {
  const pem = (type: "ec" | "rsa" | "ed25519", options: object) => {
    const pair = generateKeyPairSync(type as "ec", {
      ...(options as { namedCurve: string }),
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    return pair;
  };

  test.each([
    ["ec", { namedCurve: "P-256" }],
    ["ec", { namedCurve: "P-384" }],
    ["ec", { namedCurve: "P-521" }],
    ["rsa", { modulusLength: 2048 }],
    ["ed25519", {}],
  ] as const)("%s %j sign and verify", async (type, options) => {
    const pair = pem(type, options);
    const [mine, theirs] = [await parsePrivateKey(pair.privateKey, "k"), parsePublicKey(pair.publicKey, "k")];
    const message = Buffer.from("message");
    const signature = mine.sign(message);
    expect([
      theirs.isSignature(message, signature),
      theirs.isSignature(Buffer.from("other"), signature),
    ]).toEqual([true, false]);
    expect(theirs.hint).toBe(mine.publicKey.hint);
  });

  test.each([
    ["too few bits", () => pem("rsa", { modulusLength: 1024 }).publicKey, "RSA of 1024 bits is too weak"],
    [
      "a curve of others",
      () => pem("ec", { namedCurve: "P-224" }).publicKey,
      "curve secp224r1 is not one of",
    ],
    ["a private key", () => generateKeyPair().privateKey, "not one public key in PEM"],
    ["two keys", () => generateKeyPair().publicKey.repeat(2), "not one public key in PEM"],
    ["a damaged key", () => generateKeyPair().publicKey.replace("MFkw", "MFkx"), "it cannot be read"],
  ])("parsePublicKey() refuses %s", (_, make, why) => {
    expect(() => parsePublicKey(make(), "k.pub")).toThrow(why);
  });

  test.each([
    ["pkcs8", "ENCRYPTED PRIVATE KEY"],
    ["sec1", "Proc-Type: 4,ENCRYPTED"],
  ] as const)("one that openssl encrypted as %s wants its password", async (type, says) => {
    const { privateKey } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type, format: "pem", cipher: "aes-256-cbc", passphrase: "secret" },
    });
    expect(privateKey).toContain(says);
    await expect(parsePrivateKey(privateKey, "k")).rejects.toThrow("it is encrypted");
    await expect(parsePrivateKey(privateKey, "k", () => "wrong")).rejects.toThrow("it cannot be read");
    const key = await parsePrivateKey(privateKey, "k", () => "secret");
    expect(key.sign(Buffer.from("x")).length).toBeGreaterThan(60);
  });

  test("nobody is asked for the password of one that has none", async () => {
    const ask = () => expect.unreachable();
    await parsePrivateKey(generateKeyPair().privateKey, "k", ask);
  });
});
