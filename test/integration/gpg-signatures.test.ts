/** Policies that want signatures by OpenPGP keys: made by skopeo, gpg and teu, and accepted or refused as podman does it. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { needs, program, root } from "../support/needs.ts";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const WANTED = [root, program("gpg"), program("skopeo")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());
const folder = mkdtempSync(join(tmpdir(), "teu-gpg-test-"));
const at = (name: string): string => join(folder, name);
const env = {
  HOME: folder,
  GNUPGHOME: at("gnupg"),
  TEU_ROOT: at("root"),
  TEU_RUN: at("run"),
  PATH: process.env["PATH"] ?? "",
};
let registry: RegistryProcess;
let web: ReturnType<typeof Bun.serve>;
/** What the web server answers for signatures, if not what lies in the folder. */
let status = 0;
let digest = "";
let otherDigest = "";

const name = (image: string): string => `${registry.address}/team/${image}`;
const done = async (...words: string[]): Promise<string> => {
  const ended = await run(words, { env });
  if (ended.status !== 0) throw new Error(`${words.join(" ")}: ${ended.stderr}`);
  return ended.stdout;
};
const gpg = (...words: string[]) =>
  done("gpg", "--batch", "--no-tty", "--passphrase", "", "--pinentry-mode", "loopback", ...words);

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  mkdirSync(at("gnupg"), { mode: 0o700 });
  mkdirSync(at(".config/containers/registries.d"), { recursive: true });
  for (const who of ["release", "stranger", "left"]) {
    await gpg("--quick-generate-key", `${who}@example.com`, "ed25519", "sign", "never");
    writeFileSync(at(`${who}.asc`), await gpg("--armor", "--export", `${who}@example.com`));
  }
  writeFileSync(
    at(".config/containers/registries.d/all.yaml"),
    `docker:\n  ${registry.address}:\n    lookaside: file://${at("signatures")}\n`,
  );
  writeFileSync(
    at(".config/containers/policy.json"),
    JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
  );
  ({ digest } = (await pushLayers(name("from:1"), [{ name: "a" }])).manifest);
  ({ digest: otherDigest } = (await pushLayers(name("other:1"), [{ name: "b" }])).manifest);
  web = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (status !== 0) return new Response(null, { status });
      const file = Bun.file(at(`signatures${decodeURIComponent(new URL(request.url).pathname)}`));
      return (await file.exists()) ? new Response(file) : new Response(null, { status: 404 });
    },
  });
}, 60_000);
afterAll(async () => {
  if (isAble) {
    await web.stop(true);
    await registry[Symbol.asyncDispose]();
    Bun.spawnSync(["gpgconf", "--homedir", at("gnupg"), "--kill", "all"]);
  }
  rmSync(folder, { recursive: true, force: true });
});

let policies = 0;
function policyOf(fields: object): string {
  const path = at(`policy-${++policies}.json`);
  const docker = { [registry.address]: [{ type: "signedBy", keyType: "GPGKeys", ...fields }] };
  writeFileSync(path, JSON.stringify({ default: [{ type: "reject" }], transports: { docker } }));
  return path;
}
const byRelease = () => policyOf({ keyPath: at("release.asc") });
const teu = (policy: string, image: string, more: Record<string, string> = {}) =>
  run(
    [
      TEU,
      "copy",
      "-q",
      "--signature-policy",
      policy,
      `docker://${name(image)}`,
      `dir:${at(`to-${++policies}`)}`,
    ],
    { env: { ...env, ...more } },
  );
const skopeo = (policy: string, image: string) =>
  run(
    [
      "skopeo",
      "--policy",
      policy,
      "copy",
      "-q",
      "--src-tls-verify=false",
      `docker://${name(image)}`,
      `dir:${at(`to-${++policies}`)}`,
    ],
    { env },
  );
/** skopeo signs as it copies; `--sign-by` takes the key from our GNUPGHOME. */
const sign = (image: string, who: string, from = "from:1") =>
  done(
    "skopeo",
    "copy",
    "-q",
    "--src-tls-verify=false",
    "--dest-tls-verify=false",
    "--preserve-digests",
    "--sign-by",
    `${who}@example.com`,
    `docker://${name(from)}`,
    `docker://${name(image)}`,
  );
/** A signature of our own making: `message` is what gpg makes of the payload. */
async function place(image: string, payload: object, ...words: string[]): Promise<string> {
  const file = at(`payload-${++policies}`);
  writeFileSync(file, JSON.stringify(payload));
  await gpg(
    "--yes",
    "-o",
    `${file}.sig`,
    ...(words.length > 0 ? words : ["--local-user", "release@example.com", "--sign"]),
    file,
  );
  const beside = at(`signatures/team/${image.replace(/:.*/, "")}@${digest.replace(":", "=")}`);
  mkdirSync(beside, { recursive: true });
  writeFileSync(join(beside, "signature-1"), readFileSync(`${file}.sig`));
  return join(beside, "signature-1");
}
const payloadOf = (image: string, of = digest, type = "atomic container signature") => ({
  critical: { identity: { "docker-reference": name(image) }, image: { "docker-manifest-digest": of }, type },
  optional: { creator: "test" },
});

describe("signedBy", () => {
  test("lets in what skopeo signed with one of its keys, as skopeo does, and nothing else", async () => {
    await sign("signed:1", "release");
    await sign("strange:1", "stranger");
    await done(
      "skopeo",
      "copy",
      "-q",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      `docker://${name("from:1")}`,
      `docker://${name("plain:1")}`,
    );
    const keyData = readFileSync(at("release.asc")).toString("base64");
    for (const policy of [byRelease(), policyOf({ keyData })]) {
      for (const ask of [teu, skopeo]) {
        expect(await ask(policy, "signed:1")).toMatchObject({ status: 0 });
        expect((await ask(policy, "strange:1")).status).toBe(1);
        expect((await ask(policy, "plain:1")).status).toBe(1);
      }
    }
    expect((await teu(byRelease(), "strange:1")).stderr).toContain("one is of another key");
    expect((await teu(byRelease(), "plain:1")).stderr).toContain("it has no signature");
    const both = policyOf({ keyPaths: [at("stranger.asc"), at("release.asc")] });
    expect(await teu(both, "strange:1")).toMatchObject({ status: 0 });
    // A second signature, beside one that does not count.
    await sign("strange:1", "release");
    expect(await teu(byRelease(), "strange:1")).toMatchObject({ status: 0 });
  });

  // zot #4202: a signature that is good, of something else.
  test.each<[string, () => object, string[], string]>([
    ["of another image", () => payloadOf("odd:1", otherDigest), [], "not of this image"],
    ["under another name", () => payloadOf("signed:1"), [], "not for"],
    [
      "of another kind",
      () => payloadOf("odd:1", digest, "cosign container image signature"),
      [],
      "atomic container signature",
    ],
    ["that is none", () => payloadOf("odd:1"), ["--store"], "not a single signed message"],
    [
      "of a stranger",
      () => payloadOf("odd:1"),
      ["--local-user", "stranger@example.com", "--sign"],
      "of another key",
    ],
    [
      "apart from the text",
      () => payloadOf("odd:1"),
      ["--local-user", "release@example.com", "--detach-sign"],
      "one ",
    ],
    [
      "of two",
      () => payloadOf("odd:1"),
      ["--local-user", "release@example.com", "--local-user", "stranger@example.com", "--sign"],
      "one ",
    ],
    [
      "that is encrypted",
      () => payloadOf("odd:1"),
      ["--passphrase", "x", "--s2k-count", "65536", "--symmetric"],
      "one is encrypted",
    ],
    [
      "that unpacks to much",
      () => ({ ...payloadOf("odd:1"), more: "x".repeat(1 << 20) }),
      [],
      "more than 262144 bytes",
    ],
  ])("does not count one %s; nor does skopeo", async (_, payload, words, why) => {
    if (policies === 0) await sign("signed:1", "release");
    await done(
      "skopeo",
      "copy",
      "-q",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      "--preserve-digests",
      `docker://${name("from:1")}`,
      `docker://${name("odd:1")}`,
    );
    await place("odd:1", payload(), ...words);
    const { status, stderr } = await teu(byRelease(), "odd:1");
    expect([status, stderr]).toEqual([1, expect.stringContaining(why)]);
    expect((await skopeo(byRelease(), "odd:1")).status).toBe(1);
  });

  test("does not count what was changed, or is no message at all", async () => {
    const file = await place("odd:1", payloadOf("odd:1"));
    expect(await teu(byRelease(), "odd:1")).toMatchObject({ status: 0 });
    const good = readFileSync(file);
    for (const bytes of [
      Buffer.from("hello"),
      gzipSync(good),
      good.subarray(0, good.length - 30),
      Buffer.from("\0sigstore-json\n{}"),
    ]) {
      writeFileSync(file, bytes);
      const { status, stderr } = await teu(byRelease(), "odd:1");
      expect([status, stderr]).toEqual([1, expect.stringContaining("no signature of it is accepted: one ")]);
    }
  });

  test("takes the names that signedIdentity gives", async () => {
    await place("odd:1", payloadOf("other:1"));
    const exact = policyOf({
      keyPath: at("release.asc"),
      signedIdentity: { type: "exactRepository", dockerRepository: name("other") },
    });
    for (const ask of [teu, skopeo]) {
      expect(await ask(exact, "odd:1")).toMatchObject({ status: 0 });
      expect((await ask(byRelease(), "odd:1")).status).toBe(1);
    }
  });

  test("says what is wrong with a keyring, and that gpg is not there", async () => {
    writeFileSync(at("none.asc"), "no key");
    expect((await teu(policyOf({ keyPath: at("none.asc") }), "from:1")).stderr).toContain(
      "no public key of OpenPGP",
    );
    const { status, stderr } = await teu(byRelease(), "from:1", { PATH: at("nowhere") });
    expect([status, stderr]).toEqual([1, expect.stringContaining("gpg, which is not installed")]);
  });
});

describe("--sign-by", () => {
  const copy = (to: string, ...words: string[]) =>
    run([TEU, "copy", "-q", `docker://${name("from:1")}`, `docker://${name(to)}`, ...words], { env });
  const failing = async (...words: string[]): Promise<string> => {
    const { status, stderr } = await copy("never:1", ...words);
    expect(status).not.toBe(0);
    return stderr;
  };
  const signed = (image: string): string =>
    at(`signatures/team/${image}@${digest.replace(":", "=")}/signature-1`);

  test("of teu copy makes what skopeo and podman accept by the same policy, and of no other key", async () => {
    expect(await copy("ours:1", "--sign-by", "release@example.com")).toMatchObject({ status: 0 });
    expect(await copy("theirs:1", "--sign-by", "stranger@example.com")).toMatchObject({ status: 0 });
    for (const ask of [teu, skopeo]) {
      expect(await ask(byRelease(), "ours:1")).toMatchObject({ status: 0 });
      expect((await ask(byRelease(), "theirs:1")).status).toBe(1);
    }
    // Signed once more, beside the first, which stays.
    expect(await copy("theirs:1", "--sign-by", "release@example.com")).toMatchObject({ status: 0 });
    for (const ask of [teu, skopeo]) expect(await ask(byRelease(), "theirs:1")).toMatchObject({ status: 0 });
    expect(existsSync(signed("theirs").replace(/1$/, "2"))).toBe(true);
    const named = ["--sign-by", "release@example.com", "--sign-identity", "registry.example.org/app:2"];
    expect(await copy("named:1", ...named)).toMatchObject({ status: 0 });
    expect((await skopeo(byRelease(), "named:1")).status).toBe(1);
    const exact = policyOf({
      keyPath: at("release.asc"),
      signedIdentity: { type: "exactReference", dockerReference: "registry.example.org/app:2" },
    });
    for (const ask of [teu, skopeo]) expect(await ask(exact, "named:1")).toMatchObject({ status: 0 });
  });

  needs(...WANTED, program("podman"))("of teu push makes what podman pulls by its policy", async () => {
    await done(TEU, "pull", "-q", name("from:1"));
    await done(TEU, "tag", name("from:1"), name("pushed:1"));
    await done(TEU, "push", "-q", name("pushed:1"));
    const podman = () => {
      const store = ["--root", at("podman"), "--runroot", at("podman-run"), "--storage-driver=vfs"];
      const words = ["--signature-policy", byRelease(), "--tls-verify=false", "-q", name("pushed:1")];
      return run(["podman", ...store, "pull", ...words], { env });
    };
    expect((await podman()).status).not.toBe(0);
    await done(TEU, "push", "-q", "--sign-by", "release@example.com", name("pushed:1"));
    expect(await podman()).toMatchObject({ status: 0 });
  });

  test("signs an index and each image in it", async () => {
    await done(TEU, "pull", "-q", name("from:1"));
    await done(TEU, "image", "index", "create", "-t", name("many:1"), name("from:1"));
    await done(TEU, "push", "-q", "--sign-by", "release@example.com", name("many:1"));
    expect(existsSync(signed("many"))).toBe(true);
    const beside = readdirSync(at("signatures/team")).filter((entry) => entry.startsWith("many@"));
    expect(beside).toHaveLength(2);
    for (const ask of [teu, skopeo]) expect(await ask(byRelease(), "many:1")).toMatchObject({ status: 0 });
  });

  test("opens a key by --sign-passphrase-file; without the right one nothing is pushed or signed", async () => {
    const words = ["--passphrase", "secret words", "--pinentry-mode", "loopback"];
    const who = "locked@example.com";
    await done(
      "gpg",
      "--batch",
      "--no-tty",
      ...words,
      "--quick-generate-key",
      who,
      "ed25519",
      "sign",
      "never",
    );
    // What the agent remembers would do without.
    await done("gpgconf", "--homedir", at("gnupg"), "--kill", "gpg-agent");
    writeFileSync(at("right"), "secret words\nand another line\n");
    writeFileSync(at("wrong"), "other words\n");
    const by = (file: string) => ["--sign-by", who, "--sign-passphrase-file", at(file)];
    expect((await copy("locked:1", ...by("wrong"))).stderr).toContain("the passphrase is wrong");
    expect(existsSync(signed("locked"))).toBe(false);
    expect(await copy("locked:1", ...by("right"))).toMatchObject({ status: 0 });
    expect(existsSync(signed("locked"))).toBe(true);
  });

  test("of teu sync is made once, and is asked for before anything is copied", async () => {
    const sync = (who: string) => {
      const words = ["-s", "docker", "-d", "docker", "--sign-by", who];
      return run([TEU, "sync", ...words, name("from:1"), `${registry.address}/team/synced`], { env });
    };
    expect((await sync("nobody@example.com")).stderr).toContain("no secret key that goes by that name");
    const head = await run([TEU, "manifest", "head", name("synced/from:1")], { env });
    expect(head.status).toBe(1);
    for (const outcome of ["1 images copied", "1 unchanged"]) {
      const { status, stdout } = await sync("release@example.com");
      expect([status, stdout]).toEqual([0, expect.stringContaining(outcome)]);
      expect(await teu(byRelease(), "synced/from:1")).toMatchObject({ status: 0 });
      expect(readdirSync(dirname(signed("synced/from")))).toEqual(["signature-1"]);
    }
  });

  test("refuses what cannot be signed before anything is pushed", async () => {
    const by = ["--sign-by", "release@example.com"];
    expect(await failing("--sign-by", "nobody@example.com")).toContain(
      "no secret key that goes by that name",
    );
    expect(await failing("--sign-identity", "a:1")).toContain("--sign-identity alone");
    const head = async (image: string) => (await run([TEU, "manifest", "head", name(image)], { env })).status;
    expect([await head("from:1"), await head("never:1")]).toEqual([0, 1]);
    const words = [TEU, "copy", "-q", `docker://${name("from:1")}`, `dir:${at("signed-dir")}`, ...by];
    expect((await run(words, { env })).stderr).toContain("signatures are of images at registries");
    mkdirSync(at("web/.config/containers/registries.d"), { recursive: true });
    const yaml = (more: string) =>
      writeFileSync(
        at("web/.config/containers/registries.d/a.yaml"),
        `docker:\n  ${registry.address}:\n    lookaside: http://127.0.0.1:${web.port}\n${more}`,
      );
    const toWeb = () =>
      run([TEU, "copy", "-q", `docker://${name("from:1")}`, `docker://${name("staged:1")}`, ...by], {
        env: { ...env, HOME: at("web") },
      });
    yaml("");
    expect((await toWeb()).stderr).toContain("only folders are written to");
    yaml(`    lookaside-staging: file://${at("signatures")}\n`);
    expect(await toWeb()).toMatchObject({ status: 0 });
    expect(existsSync(signed("staged"))).toBe(true);
  });

  test("--sign-by-sigstore-private-key signs in cosign's format, as teu sign does", async () => {
    await done(TEU, "generate-key-pair", "--output-key-prefix", at("pair"));
    expect(await copy("sigstore:1", "--sign-by-sigstore-private-key", at("pair.key"))).toMatchObject({
      status: 0,
    });
    expect(await run([TEU, "verify", "--key", at("pair.pub"), name("sigstore:1")], { env })).toMatchObject({
      status: 0,
    });
  });
});

describe("registries.d", () => {
  const write = (text: string): void => {
    mkdirSync(at("home/.config/containers/registries.d"), { recursive: true });
    writeFileSync(at("home/.config/containers/registries.d/a.yaml"), text);
  };

  test("names web servers too, the narrowest scope first; one that fails hides nothing", async () => {
    await place("odd:1", payloadOf("odd:1"));
    const url = `http://127.0.0.1:${web.port}`;
    write(
      `default-docker:\n  sigstore: file:///none\ndocker:\n  ${registry.address}:\n    lookaside: file:///none\n  ${name("odd")}:\n    lookaside: ${url}/\n`,
    );
    const more = { HOME: at("home") };
    expect(await teu(byRelease(), "odd:1", more)).toMatchObject({ status: 0 });
    status = 500;
    expect((await teu(byRelease(), "odd:1", more)).stderr).toMatch(
      /Cannot read signatures at http:\S+signature-1: it answers with status 500/,
    );
    status = 404;
    expect((await teu(byRelease(), "odd:1", more)).stderr).toContain("it has no signature");
    status = 0;
  });

  test.each([
    ["docker: [1]", "line 1: wants a map"],
    ["dockers: {}", 'unknown key "dockers"'],
    [`docker: {x: {lookaside: here}}`, "wants a URL"],
  ])("%s is refused", async (text, why) => {
    write(text);
    const { status, stderr } = await teu(byRelease(), "odd:1", { HOME: at("home") });
    expect([status, stderr]).toEqual([1, expect.stringContaining(why)]);
  });
});
