/** What cosign signed, with each kind of key and in both formats. test/fixtures/cosign/make has the recipe. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseBundle } from "./bundle.ts";
import { parsePublicKey } from "./key.ts";
import { parsePayload } from "./simple-signing.ts";
import { trustKeys } from "./trust.ts";

interface Fixture {
  kind: string;
  publicKey: string;
  digest: string;
  signature: string;
  payload: string;
  bundle: string;
}

const path = join(import.meta.dir, "../../test/fixtures/cosign/signatures.json");
const all = JSON.parse(readFileSync(path, "utf8")) as Fixture[];
// By Ed25519 cosign signs a hash (Ed25519ph), which is refused by name.
const fixtures = all.filter(({ kind }) => kind !== "ed25519");

describe.each(fixtures)("cosign with a key of $kind", ({ publicKey, digest, signature, payload, bundle }) => {
  const key = parsePublicKey(publicKey, "cosign.pub");
  const other = fixtures.find((one) => one.publicKey !== publicKey);

  test("in its first format", () => {
    const message = Buffer.from(payload, "base64");
    expect(key.isSignature(message, Buffer.from(signature, "base64"))).toBe(true);
    expect(key.isSignature(message, Buffer.from(other?.signature ?? "", "base64"))).toBe(false);
    expect(parsePayload(message)).toMatchObject({
      digests: [digest],
      identity: expect.stringMatching(/^127\.0\.0\.1:\d+\/team\/\w+-simple$/),
    });
  });

  test("as a bundle", () => {
    const { claim, message, signatures } = parseBundle(Buffer.from(bundle, "base64"));
    expect(claim).toEqual({ digests: [digest], identity: undefined });
    expect(signatures.map((one) => key.isSignature(message, one))).toEqual([true]);
    const theirs = parseBundle(Buffer.from(other?.bundle ?? "", "base64")).signatures;
    expect(theirs.map((one) => key.isSignature(message, one))).toEqual([false]);
  });
});

test("cosign with a key of ed25519 is refused by name", () => {
  const { publicKey = "", payload = "", signature = "" } = all.find(({ kind }) => kind === "ed25519") ?? {};
  const message = Buffer.from(payload, "base64");
  const signed = { message, payload: message, signatures: [Buffer.from(signature, "base64")] };
  const trust = trustKeys([parsePublicKey(publicKey, "cosign.pub")]);
  expect(() => trust.signerOf({ ...signed, certificate: undefined, entries: [] })).toThrow("Ed25519ph");
});

test("what skopeo's library signed is read alike", () => {
  const file = join(import.meta.dir, "../../test/fixtures/containers-image/signed.json");
  const one = JSON.parse(readFileSync(file, "utf8")) as Omit<Fixture, "kind" | "bundle">;
  const message = Buffer.from(one.payload, "base64");
  const key = parsePublicKey(one.publicKey, "k.pub");
  expect(key.isSignature(message, Buffer.from(one.signature, "base64"))).toBe(true);
  expect(parsePayload(message).digests).toEqual([one.digest]);
});
