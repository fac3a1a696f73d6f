/** Images are signed and verified by the built program; policies keep out what is not signed; and skopeo believes what teu signed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RegistryClient } from "../../src/distribution/client/index.ts";
import { type Digest, digestOf, mediaTypes, parseReference, type Tag } from "../../src/spec/index.ts";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

let registry: RegistryProcess;
let store: Store;
let key: string;
const name = (image: string): string => `${registry.address}/${image}`;

beforeAll(async () => {
  registry = await startRegistry();
  store = new Store();
  key = store.path("release");
  await store.done("generate-key-pair", "--output-key-prefix", key);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

async function push(image: string): Promise<string> {
  return (await pushLayers(name(image), [{ name: image }])).manifest.digest;
}

/** A policy file: `requirement` of images of our registry, nothing else. */
function writePolicy(file: string, requirement: object): string {
  const path = store.path(file);
  const docker = { [registry.address]: [requirement] };
  writeFileSync(path, JSON.stringify({ default: [{ type: "reject" }], transports: { docker } }));
  return path;
}
const signedBy = (pub: string): object => ({ type: "sigstoreSigned", keyPath: `${pub}.pub` });

describe("teu sign and teu verify", () => {
  test.each(["--legacy", "--bundle"])("%s: what was signed is verified, the rest is not", async (format) => {
    const image = `team/signed${format}:1`;
    const digest = await push(image);
    const pub = `${key}.pub`;
    const before = await store.teu("verify", "--key", pub, name(image));
    expect([before.status, before.stderr]).toEqual([1, expect.stringContaining("it has no signature")]);
    const signed = await store.teu("sign", "--key", `${key}.key`, format, name(image));
    expect(signed.stdout).toBe(`${name(image).slice(0, -2)}@${digest}\n`);
    expect(await store.done("verify", "--key", pub, name(image))).toContain(
      `signed with ${pub} for ${name(image)}`,
    );
    const json = JSON.parse(await store.done("verify", "--json", "--key", pub, name(image)));
    expect(json).toMatchObject({ digest, identity: name(image), signer: pub });
    const elsewhere = await store.teu("verify", "--key", pub, "--identity", "other.example/app", name(image));
    expect([elsewhere.status, elsewhere.stderr]).toEqual([
      1,
      expect.stringContaining("not for other.example/app"),
    ]);
  });

  test("keys are not overwritten, and what is not built is refused by name", async () => {
    const again = await store.teu("generate-key-pair", "--output-key-prefix", key);
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining("it exists")]);
    expect((await store.teu("sign", "a")).stderr).toContain("without --key");
    expect((await store.teu("verify", "a")).stderr).toContain("Cannot tell whom to trust");
  });
});

/** What cosign signed by certificate, and an authority stamped: see test/fixtures/cosign/make. */
const stamped = JSON.parse(
  readFileSync(join(import.meta.dir, "../fixtures/cosign/stamped.json"), "utf8"),
) as { digest: string; payload: string; annotations: object; authority: string; time: string };

describe("teu verify --trusted-root", () => {
  test("takes a time stamp for a log's time where no log is asked for, and says so by --insecure-ignore-tlog", async () => {
    const image = "team/stamped:1";
    expect((await pushLayers(name(image), [{ file: "text" }])).manifest.digest).toBe(
      stamped.digest as Digest,
    );
    const client = new RegistryClient(parseReference(name(image)));
    const push = async (bytes: Uint8Array, mediaType: string) => {
      const blob = { digest: digestOf(bytes), size: bytes.byteLength };
      await client.pushBlob(blob, () => new Blob([new Uint8Array(bytes)]).stream());
      return { mediaType, ...blob };
    };
    const payload = await push(
      Buffer.from(stamped.payload, "base64"),
      "application/vnd.dev.cosign.simplesigning.v1+json",
    );
    const layers = [{ ...payload, annotations: stamped.annotations }];
    const config = await push(Buffer.from("{}"), mediaTypes.config);
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers };
    await client.putManifest(`${stamped.digest.replace(":", "-")}.sig` as Tag, {
      mediaType: mediaTypes.manifest,
      bytes: Buffer.from(JSON.stringify(manifest)),
    });

    const chain = (pem: string) => ({
      certChain: {
        certificates: pem
          .split(/(?=-----BEGIN)/)
          .map((one) => ({ rawBytes: one.replaceAll(/-----[^-]+-----|\s/g, "") })),
      },
    });
    const publicKey = readFileSync(`${key}.pub`, "utf8").replaceAll(/-----[^-]+-----|\s/g, "");
    const root = {
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      certificateAuthorities: [chain(stamped.authority)],
      timestampAuthorities: [chain(stamped.time)],
      tlogs: [{ publicKey: { rawBytes: publicKey } }],
    };
    const file = store.path("root.json");
    writeFileSync(file, JSON.stringify(root));
    const whom = ["--certificate-identity", "me@example.org"];
    const by = [...whom, "--certificate-oidc-issuer", "https://login.example"];
    const signedAs = /"docker-reference":"([^"]+)"/.exec(atob(stamped.payload))?.[1] ?? "";
    const verify = (...more: string[]) =>
      store.teu("verify", "--trusted-root", file, ...by, "--identity", signedAs, ...more, name(image));
    const logged = await verify();
    expect([logged.status, logged.stderr]).toEqual([1, expect.stringContaining("in no transparency log")]);
    const accepted = await verify("--insecure-ignore-tlog");
    expect([accepted.stderr, accepted.stdout]).toEqual([
      "",
      expect.stringContaining("signed with me@example.org"),
    ]);
    writeFileSync(file, JSON.stringify({ ...root, tlogs: [] }));
    expect((await verify()).status).toBe(0);
  });
});

describe("a signature policy", () => {
  needs(root)("keeps out of the store what is not signed by its key", async () => {
    const image = "team/policy:1";
    await push(image);
    const policy = writePolicy("policy.json", signedBy(key));
    const refused = await store.teu("pull", "--signature-policy", policy, name(image));
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("it has no signature")]);
    expect(await store.done("images")).not.toContain("team/policy");
    await store.done("sign", "--key", `${key}.key`, name(image));
    await store.done("pull", "--signature-policy", policy, name(image));
    const other = await store.teu("pull", "--signature-policy", policy, "nowhere.invalid/a");
    expect(other.status).toBe(1);
  });

  needs(root)("that cannot be read lets nothing in", async () => {
    const policy = store.path("broken.json");
    for (const text of [
      "{",
      "{}",
      '{"default":[]}',
      '{"default":[{"type":"insecureAcceptAnything"}],"x":1}',
    ]) {
      writeFileSync(policy, text);
      const { status, stderr } = await store.teu("pull", "--signature-policy", policy, name("team/policy:1"));
      expect([status, stderr]).toEqual([1, expect.stringContaining("broken.json")]);
    }
  });

  needs(root)("of the user is asked without a word", async () => {
    const image = "team/home:1";
    await push(image);
    mkdirSync(store.path(".config/containers"), { recursive: true });
    writePolicy(".config/containers/policy.json", { type: "reject" });
    const pulled = await run([TEU, "pull", name(image)], { env: { ...store.env, HOME: store.folder } });
    expect([pulled.status, pulled.stderr]).toEqual([1, expect.stringContaining("it is to be rejected")]);
  });

  needs(root, program("busybox"))("is asked again before an image that is here is run", async () => {
    const image = "team/run:1";
    await pushLayers(name(image), [busyboxLayer()]);
    await store.done("pull", name(image));
    const policy = writePolicy("run.json", signedBy(key));
    const words = [
      "run",
      "--rm",
      "--network",
      "none",
      "--signature-policy",
      policy,
      name(image),
      "echo",
      "ran",
    ];
    const refused = await store.teu(...words);
    expect([refused.status, refused.stdout, refused.stderr]).toEqual([
      125,
      "",
      expect.stringContaining("it has no signature"),
    ]);
    await store.done("sign", "--key", `${key}.key`, "--bundle", name(image));
    expect(await store.done(...words)).toBe("ran\n");
    await store.done("rmi", name(image));
  });
});

describe("skopeo, by the same policy,", () => {
  const anything = [{ type: "insecureAcceptAnything" }];
  const reject = [{ type: "reject" }];
  const docker = (scopes: object): object => ({ default: reject, transports: { docker: scopes } });

  // Debian's cannot verify sigstoreSigned; what it makes of scopes and of mistakes it shows without.
  needs(root, program("skopeo")).each<[string, (address: string) => object]>([
    ["default", () => ({ default: anything })],
    ["reject", () => ({ default: reject })],
    ["a registry", (address) => docker({ [address]: anything })],
    ["a registry without its port", (address) => docker({ [address.split(":")[0] ?? ""]: anything })],
    ["a namespace", (address) => docker({ [`${address}/team`]: anything })],
    ["half a namespace", (address) => docker({ [`${address}/tea`]: anything })],
    ["a tag", (address) => docker({ [`${address}/team/skopeo:1`]: anything })],
    ["another tag", (address) => docker({ [`${address}/team/skopeo:2`]: anything })],
    ["the narrowest scope", (address) => docker({ [address]: anything, [`${address}/team/skopeo`]: reject })],
    ["all registries", () => docker({ "": anything })],
    ["all requirements", (address) => docker({ [address]: [...anything, ...reject] })],
    ["nothing", () => ({ default: [] })],
    ["a strange field", () => ({ default: anything, more: 1 })],
    ["a strange field of a requirement", () => ({ default: [{ type: "insecureAcceptAnything", more: 1 }] })],
    ["a strange type", () => ({ default: [{ type: "accept" }] })],
    ["two keys", () => ({ default: [{ type: "sigstoreSigned", keyPath: "/k", keyData: "eA==" }] })],
  ])("accepts what teu accepts: %s", async (_, policyOf) => {
    const image = name("team/skopeo:1");
    await push("team/skopeo:1");
    const policy = store.path("both.json");
    writeFileSync(policy, JSON.stringify(policyOf(registry.address)));
    const flags = ["--policy", policy, "copy", "--quiet", "--src-tls-verify=false"];
    const theirs = await run(["skopeo", ...flags, `docker://${image}`, `dir:${store.path("copy")}`]);
    const ours = await store.teu("pull", "--signature-policy", policy, image);
    expect(ours.status, theirs.stderr).toBe(theirs.status);
  });
});
