/** Private keys in cosign's encryption: those that its own code made, ours, and files that nobody honest made. */
import { describe, expect, test } from "bun:test";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encryptPrivateKey, generateKeyPair, parsePrivateKey, parsePublicKey } from "./key.ts";

interface Fixture {
  says: string;
  password: string;
  privateKey: string;
  publicKey: string;
}

const path = join(import.meta.dir, "../../test/fixtures/cosign/keys.json");
const fixtures = JSON.parse(readFileSync(path, "utf8")) as Fixture[];
const [one] = fixtures as [Fixture];

/** What is in a file, changed. */
function change(pem: string, edit: (sealed: Sealed) => void): string {
  const sealed = JSON.parse(Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64").toString());
  edit(sealed);
  const text = JSON.stringify(sealed);
  const label = "ENCRYPTED SIGSTORE PRIVATE KEY";
  return `-----BEGIN ${label}-----\n${Buffer.from(text).toString("base64")}\n-----END ${label}-----\n`;
}
interface Sealed {
  kdf: { name: string; params: Record<string, unknown>; salt: string };
  cipher: { name: string; nonce: string };
  ciphertext: string;
}

describe("parsePrivateKey()", () => {
  test.each(fixtures.map((fixture) => [fixture.says, fixture] as const))(
    "opens what %s made",
    async (_, { password, privateKey, publicKey }) => {
      const key = await parsePrivateKey(privateKey, "k", () => password);
      const message = Buffer.from("message");
      expect(parsePublicKey(publicKey, "k.pub").isSignature(message, key.sign(message))).toBe(true);
    },
  );

  test("wants the password, and the right one", async () => {
    await expect(parsePrivateKey(one.privateKey, "k")).rejects.toThrow(
      'Cannot use the key "k": it is encrypted',
    );
    await expect(parsePrivateKey(one.privateKey, "k", () => `${one.password}x`)).rejects.toThrow(
      "its password is another, or the file is damaged",
    );
  });

  // Each would cost more than it may, or is no such file.
  test.each<[string, (sealed: Sealed) => void, string]>([
    [
      "all memory",
      ({ kdf }) => {
        kdf.params["N"] = 2 ** 30;
      },
      "N: found 1073741824, wants 32768 or",
    ],
    [
      "much time",
      ({ kdf }) => {
        kdf.params["p"] = 1_000_000;
      },
      "p: found 1000000, wants 1",
    ],
    [
      "large blocks",
      ({ kdf }) => {
        kdf.params["r"] = 2 ** 20;
      },
      "r: found 1048576, wants 8",
    ],
    [
      "a cost that is no number",
      ({ kdf }) => {
        kdf.params["N"] = "32768";
      },
      'N: found "32768"',
    ],
    [
      "another way to the key",
      ({ kdf }) => {
        kdf.name = "argon2";
      },
      "one of scrypt",
    ],
    [
      "another cipher",
      ({ cipher }) => {
        cipher.name = "aes";
      },
      "one of nacl/secretbox",
    ],
    [
      "no salt",
      ({ kdf }) => {
        kdf.salt = "";
      },
      "its salt, nonce or ciphertext",
    ],
    [
      "half a nonce",
      ({ cipher }) => {
        cipher.nonce = "AAAA";
      },
      "its salt, nonce or ciphertext",
    ],
    [
      "a ciphertext that is no base64",
      (sealed) => {
        sealed.ciphertext = "!";
      },
      "its salt, nonce or",
    ],
    [
      "less than a tag",
      (sealed) => {
        sealed.ciphertext = "AAAA";
      },
      "its password is another, or",
    ],
    [
      "no cipher",
      (sealed) => {
        sealed.cipher = undefined as never;
      },
      "cipher",
    ],
  ])("refuses a file that asks for, or has, %s", async (_, edit, why) => {
    const pem = change(one.privateKey, edit);
    await expect(parsePrivateKey(pem, "k", () => one.password)).rejects.toThrow(why);
  });

  test.each([
    ["text that is no base64", one.privateKey.replace("\n", "\n!")],
    ["two keys", one.privateKey.repeat(2)],
    ["no end", one.privateKey.split("-----END")[0] ?? ""],
    ["two labels", one.privateKey.replace("END ENCRYPTED COSIGN", "END ENCRYPTED SIGSTORE")],
  ])("refuses %s", async (_, pem) => {
    await expect(parsePrivateKey(pem, "k", () => one.password)).rejects.toThrow("not one private key in PEM");
  });
});

test("encryptPrivateKey() makes what parsePrivateKey() opens, and nothing of the key is seen", async () => {
  const { privateKey, publicKey } = generateKeyPair();
  const pem = await encryptPrivateKey(privateKey, "");
  expect(pem).toMatch(/^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END/);
  const der = createPrivateKey(privateKey).export({ type: "pkcs8", format: "der" });
  expect(Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64").includes(der)).toBe(false);
  const key = await parsePrivateKey(pem, "k", () => "");
  expect(Buffer.from(key.publicKey.der)).toEqual(
    createPublicKey(publicKey).export({ type: "spki", format: "der" }),
  );
});
