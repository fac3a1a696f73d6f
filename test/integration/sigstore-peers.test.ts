/**
 * Signatures in cosign's format, judged by skopeo (whose library podman has too) and by teu, by the same policy; and made by each with a key that the other one made.
 * Debian's skopeo and podman are built without them: test/fixtures/containers-image/make builds one to name in TEU_SKOPEO.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type Need, needs, program, root } from "../support/needs.ts";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { type Finished, run } from "./teu.ts";

const SKOPEO = process.env["TEU_SKOPEO"] ?? "skopeo";

/** Debian's has the sentence that it says instead. */
const sigstore: Need = {
  says: "a skopeo that is built with sigstore (TEU_SKOPEO)",
  isMet() {
    const path = Bun.which(SKOPEO);
    return path !== null && !readFileSync(path).includes("sigstore disabled");
  },
};

const isAnybodyHere = sigstore.isMet() || Bun.which("cosign") !== null;
let registry: RegistryProcess;
let store: Store;
const name = (image: string): string => `${registry.address}/team/${image}`;
const at = (file: string): string => store.path(file);

beforeAll(async () => {
  if (!isAnybodyHere) return;
  registry = await startRegistry();
  store = new Store();
  writeFileSync(at("password"), "secret\n");
  for (const key of ["release", "other"])
    await store.done(
      "generate-key-pair",
      "--output-key-prefix",
      at(key),
      "--passphrase-file",
      at("password"),
    );
  mkdirSync(at("registries.d"));
  writeFileSync(at("registries.d/a.yaml"), "default-docker:\n  use-sigstore-attachments: true\n");
  for (const image of ["plain:1", "signed:1", "strange:1"]) await pushLayers(name(image), [{ name: image }]);
  await sign("release", "signed:1");
  await sign("other", "strange:1");
  // As it is, with its signature, under another name: what somebody does who may push there.
  const moved = `docker://${name("moved:1")}`;
  await store.done("copy", "--quiet", `docker://${name("signed:1")}`, moved);
  const digest = JSON.parse(
    await store.done("verify", "--json", "--key", at("release.pub"), name("signed:1")),
  ).digest;
  const tag = digest.replace(":", "-");
  await store.done(
    "copy",
    "-q",
    `docker://${name(`signed:${tag}.sig`)}`,
    `docker://${name(`moved:${tag}.sig`)}`,
  );
  const by = ["--sign-by-sigstore-private-key", at("release.key"), "--sign-passphrase-file", at("password")];
  await store.done("copy", "-q", ...by, `docker://${name("plain:1")}`, `docker://${name("copied:1")}`);
});
afterAll(async () => {
  if (!isAnybodyHere) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

async function sign(key: string, image: string): Promise<void> {
  await store.done("sign", "--key", at(`${key}.key`), "--sign-passphrase-file", at("password"), name(image));
}

/** A policy that wants signatures by `key` in our registry, under the names that `signedIdentity` says. */
function policyOf(key: string, signedIdentity?: object): string {
  const requirement = { type: "sigstoreSigned", keyPath: at(`${key}.pub`), signedIdentity };
  const docker = { [registry.address]: [requirement] };
  writeFileSync(at("policy.json"), JSON.stringify({ default: [{ type: "reject" }], transports: { docker } }));
  return at("policy.json");
}

async function skopeoCopy(policy: string, from: string, to: string, ...flags: string[]): Promise<Finished> {
  const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
  return await run([
    SKOPEO,
    "--policy",
    policy,
    "--registries.d",
    at("registries.d"),
    "copy",
    ...insecure,
    ...flags,
    from,
    to,
  ]);
}

describe("an image", () => {
  const exact = { type: "matchExact" };
  needs(root, sigstore).each<[string, boolean, string, string, object | undefined]>([
    ["signed by teu sign", true, "signed:1", "release", undefined],
    ["signed by teu sign, under that very name", true, "signed:1", "release", exact],
    ["signed by teu copy", true, "copied:1", "release", undefined],
    ["signed with the other key, which is asked for", true, "strange:1", "other", undefined],
    ["that nobody signed", false, "plain:1", "release", undefined],
    ["signed with another key", false, "strange:1", "release", undefined],
    ["signed under another name", false, "moved:1", "release", undefined],
    [
      "signed under another name, which is asked for",
      true,
      "moved:1",
      "release",
      { type: "remapIdentity", prefix: "REGISTRY/team/moved", signedPrefix: "REGISTRY/team/signed" },
    ],
  ])("%s is accepted: %p", async (_, isAccepted, image, key, identity) => {
    const mine = JSON.parse((JSON.stringify(identity) ?? "null").replaceAll("REGISTRY", registry.address));
    const policy = policyOf(key, mine ?? undefined);
    const theirs = await skopeoCopy(policy, `docker://${name(image)}`, `dir:${at("copy")}`);
    expect([theirs.status === 0, theirs.stderr]).toEqual([isAccepted, expect.anything()]);
    const ours = await store.teu("pull", "--signature-policy", policy, name(image));
    expect([ours.status === 0, ours.stderr]).toEqual([isAccepted, expect.anything()]);
  });
});

describe("a key that teu made and encrypted", () => {
  needs(sigstore)("signs for skopeo, and teu believes it", async () => {
    writeFileSync(at("any.json"), JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));
    const by = [
      "--sign-by-sigstore-private-key",
      at("release.key"),
      "--sign-passphrase-file",
      at("password"),
    ];
    const [from, to] = [`docker://${name("plain:1")}`, `docker://${name("theirs:1")}`];
    const signed = await skopeoCopy(at("any.json"), from, to, ...by);
    expect([signed.status, signed.stderr]).toEqual([0, expect.anything()]);
    await store.done("verify", "--key", at("release.pub"), name("theirs:1"));
  });

  needs(program("cosign"))("signs for cosign, and each believes the other", async () => {
    const digest = JSON.parse(
      await store.done("verify", "--json", "--key", at("release.pub"), name("signed:1")),
    ).digest;
    const env = { HOME: store.folder, PATH: process.env["PATH"] ?? "", COSIGN_PASSWORD: "secret" };
    const image = `${registry.address}/team/signed@${digest}`;
    const words = ["verify", "--insecure-ignore-tlog", "--private-infrastructure"];
    const verified = await run(["cosign", ...words, "--key", at("release.pub"), image], { env });
    expect([verified.status, verified.stderr]).toEqual([0, expect.stringContaining("claims were validated")]);
    const signs = ["sign", "--yes", "--tlog-upload=false", "--key", at("other.key"), image];
    const signed = await run(["cosign", ...signs], { env });
    expect([signed.status, signed.stderr]).toEqual([0, expect.anything()]);
    await store.done("verify", "--key", at("other.pub"), name("signed:1"));
  });
});
