/** Keys in cosign's encryption: made, and opened with a password from a file, from the environment or from a terminal; also those that cosign made. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { typeInto } from "./support/type-into.ts";
import { type Finished, run, TEU } from "./teu.ts";

let registry: RegistryProcess;
let store: Store;
let image: string;
const at = (name: string): string => store.path(name);

/** Made by cosign's own code, see test/fixtures/cosign/make. */
const [cosign] = JSON.parse(readFileSync(join(import.meta.dir, "../fixtures/cosign/keys.json"), "utf8")) as {
  password: string;
  privateKey: string;
  publicKey: string;
}[];

beforeAll(async () => {
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/team/app:1`;
  await pushLayers(image, [{ name: "app" }]);
  writeFileSync(at("password"), "secret\nand a second line\n");
  writeFileSync(at("cosign.key"), cosign?.privateKey ?? "");
  writeFileSync(at("cosign.pub"), cosign?.publicKey ?? "");
  await store.done(
    "generate-key-pair",
    "--output-key-prefix",
    at("ours"),
    "--passphrase-file",
    at("password"),
  );
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const withPassword = async (password: string, ...words: string[]): Promise<Finished> =>
  await run([TEU, ...words], { env: { ...store.env, COSIGN_PASSWORD: password } });

/** Verifies `name`, which must be signed by `key`. */
const verified = async (key: string, name: string): Promise<string> =>
  await store.done("verify", "--key", at(`${key}.pub`), name);

describe.each(["ours", "cosign"])("an encrypted key: %s", (key) => {
  test("is opened by the first line of --sign-passphrase-file", async () => {
    const name = image.replace("app:", `${key}-file:`);
    await pushLayers(name, [{ name }]);
    await store.done("sign", "--key", at(`${key}.key`), "--sign-passphrase-file", at("password"), name);
    expect(await verified(key, name)).toContain(`signed with ${at(`${key}.pub`)}`);
  });

  test("is opened by COSIGN_PASSWORD, for what copy writes", async () => {
    const name = image.replace("app:", `${key}-copy:`);
    const flags = ["--sign-by-sigstore-private-key", at(`${key}.key`)];
    const copied = await withPassword("secret", "copy", ...flags, `docker://${image}`, `docker://${name}`);
    expect([copied.status, copied.stderr]).toEqual([0, expect.anything()]);
    await verified(key, name);
  });

  test("stays shut without a password, or with another", async () => {
    const none = await store.teu("sign", "--key", at(`${key}.key`), image);
    expect([none.status, none.stderr]).toEqual([
      1,
      `teu: Cannot use the key ${JSON.stringify(at(`${key}.key`))}: it is encrypted\nhint: Set COSIGN_PASSWORD to its password\n`,
    ]);
    const wrong = await withPassword("guess", "sign", "--key", at(`${key}.key`), image);
    expect([wrong.status, wrong.stderr]).toEqual([
      1,
      expect.stringContaining("its password is another, or the file is damaged"),
    ]);
    expect(wrong.stderr).not.toContain("guess");
  });
});

describe("teu sync --sign-by-sigstore-private-key", () => {
  /** The names under which an image is signed. */
  const signedNames = async (repository: string, digest: string): Promise<string[]> => {
    const api = `http://${registry.address}/v2/${repository}`;
    const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };
    const manifest = await fetch(`${api}/manifests/${digest.replace(":", "-")}.sig`, { headers });
    const { layers = [] } = (await manifest.json()) as { layers?: { digest: string }[] };
    const payloads = layers.map(async (one) => (await fetch(`${api}/blobs/${one.digest}`)).text());
    return (await Promise.all(payloads))
      .map((text) => JSON.parse(text).critical.identity["docker-reference"])
      .sort();
  };
  const by = () => [
    "--sign-by-sigstore-private-key",
    at("cosign.key"),
    "--sign-passphrase-file",
    at("password"),
  ];

  test("signs what it copies, each tag of one image, and once what is there already", async () => {
    const many = image.replace("app:1", "many");
    const tags = ["1", "2", "3"];
    const digests = new Set<string>();
    for (const tag of tags)
      digests.add((await pushLayers(`${many}:${tag}`, [{ name: "many" }])).manifest.digest);
    const [digest = "", ...others] = digests;
    expect(others).toEqual([]);
    const to = `${registry.address}/synced`;
    const sync = (...words: string[]) => store.teu("sync", "--src", "docker", "--dest", "docker", ...words);
    // There before, and not signed.
    expect((await sync(many, to)).stdout).toContain("3 images copied");
    for (const _ of [1, 2]) {
      const { status, stderr, stdout } = await sync(...by(), many, to);
      expect([status, stderr, stdout]).toEqual([0, "", expect.stringContaining("3 unchanged, 0 failed")]);
      expect(await signedNames("synced/many", digest)).toEqual(tags.map((tag) => `${to}/many:${tag}`));
    }
    const fresh = await sync(...by(), many, `${to}/fresh`);
    expect([fresh.status, fresh.stdout]).toEqual([0, expect.stringContaining("3 images copied")]);
    expect(await signedNames("synced/fresh/many", digest)).toEqual(
      tags.map((tag) => `${to}/fresh/many:${tag}`),
    );
    await verified("cosign", `${to}/fresh/many:3`);
  });

  test("signs nothing in a folder, and nothing by --dry-run", async () => {
    const words = ["sync", "-s", "docker", ...by()];
    const folder = await store.teu(...words, "-d", "dir", image, at("folder"));
    expect([folder.status, folder.stderr]).toEqual([
      1,
      expect.stringContaining("Cannot sign an image in dir"),
    ]);
    const dry = `${registry.address}/dry`;
    await store.done("sync", "-s", "docker", "-d", "docker", image, dry);
    await store.done(...words, "-d", "docker", "--dry-run", image, dry);
    const unsigned = await store.teu("verify", "--key", at("cosign.pub"), `${dry}/app:1`);
    expect([unsigned.status, unsigned.stderr]).toEqual([1, expect.stringContaining("it has no signature")]);
  });
});

const type = (words: readonly string[], ...answers: [question: string, text: string][]) =>
  typeInto(words, { ...store.env }, answers);

describe("at a terminal", () => {
  test("the password of a key is asked for, shown to nobody, and can be corrected", async () => {
    const name = image.replace("app:", "typed:");
    await pushLayers(name, [{ name }]);
    const words = ["sign", "--key", at("ours.key"), name];
    // Ctrl-U takes back the line, the key for it a letter of two bytes.
    const { status, seen } = await type(words, ["Password of", "no\x15secreé\x7ft\r"]);
    expect([status, seen]).toEqual([0, expect.stringContaining("that is what is signed")]);
    expect(seen).not.toContain("secre");
    await verified("ours", name);
  });

  test("Ctrl-C leaves it", async () => {
    const { status, seen } = await type(["sign", "--key", at("ours.key"), image], ["Password of", "se\x03"]);
    expect([status, seen]).toEqual([130, expect.not.stringContaining("signed")]);
  });

  test("a new key's is typed twice; the same each time", async () => {
    const words = (name: string) => ["generate-key-pair", "--output-key-prefix", at(name)];
    const good = await type(words("typed"), ["empty: not", "one\r"], ["Once more", "one\r"]);
    expect(good.status).toBe(0);
    expect(readFileSync(at("typed.key"), "utf8")).toStartWith("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY");
    const bad = await type(words("other"), ["empty: not", "one\r"], ["Once more", "two\r"]);
    expect([bad.status, bad.seen]).toEqual([1, expect.stringContaining("the passwords differ")]);
    const plain = await type(words("plain"), ["empty: not", "\r"]);
    expect(plain.status).toBe(0);
    expect(readFileSync(at("plain.key"), "utf8")).toStartWith("-----BEGIN PRIVATE KEY");
  });
});
