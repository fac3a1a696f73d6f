/** Proofs of trees of every small size, as RFC 9162 builds them, and the ways in which one can be wrong. */
import { expect, test } from "bun:test";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { type InclusionProof, isIncluded } from "./inclusion.ts";
import { type TrustedLog, trustedLog } from "./transparency-log.ts";

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const log = trustedLog(pair.publicKey.export({ type: "spki", format: "der" }), "log");
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const stranger = trustedLog(other.publicKey.export({ type: "spki", format: "der" }), "stranger");

const hash = (...parts: Uint8Array[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
const entryOf = (index: number): Buffer => Buffer.from(`entry ${index}`);
/** The largest power of two below `size`. */
const split = (size: number): number => 2 ** (Math.ceil(Math.log2(size)) - 1);

/** Source: RFC 9162, 2.1.1. */
function rootOf(from: number, to: number): Buffer {
  if (to - from === 1) return hash(Uint8Array.of(0), entryOf(from));
  const middle = from + split(to - from);
  return hash(Uint8Array.of(1), rootOf(from, middle), rootOf(middle, to));
}

/** Source: RFC 9162, 2.1.3.1. */
function pathOf(index: number, from: number, to: number): Buffer[] {
  if (to - from === 1) return [];
  const middle = from + split(to - from);
  return index < middle
    ? [...pathOf(index, from, middle), rootOf(middle, to)]
    : [...pathOf(index, middle, to), rootOf(from, middle)];
}

function noteOf(size: number, root: Buffer, { id }: TrustedLog = log, key = pair.privateKey): string {
  const text = `log.example - 1\n${size}\n${root.toString("base64")}\n`;
  const signature = Buffer.concat([
    Buffer.from(id.slice(0, 8), "hex"),
    sign("sha256", Buffer.from(text), key),
  ]);
  return `${text}\n\u2014 log.example ${signature.toString("base64")}\n`;
}

function proofOf(index: number, size: number): InclusionProof {
  const root = rootOf(0, size);
  return {
    logIndex: index,
    treeSize: size,
    rootHash: root.toString("base64"),
    hashes: pathOf(index, 0, size).map((one) => one.toString("base64")),
    checkpoint: noteOf(size, root),
  };
}

test("every entry of every tree is in it, and in no other place", () => {
  for (let size = 1; size <= 20; size++)
    for (let index = 0; index < size; index++) {
      const proof = proofOf(index, size);
      expect(isIncluded(entryOf(index), proof, log)).toBe(true);
      expect(isIncluded(entryOf(index + 1), proof, log)).toBe(false);
      for (let place = 0; place < size; place++)
        if (place !== index)
          expect(isIncluded(entryOf(index), { ...proof, logIndex: place }, log)).toBe(false);
    }
});

test("a witness may sign beside the log", () => {
  const proof = proofOf(3, 11);
  const witness = noteOf(11, rootOf(0, 11), stranger, other.privateKey).split("\n\n")[1];
  expect(isIncluded(entryOf(3), { ...proof, checkpoint: `${proof.checkpoint}${witness}` }, log)).toBe(true);
});

const root = rootOf(0, 11);
const cut = (proof: InclusionProof) => proof.hashes.slice(1);
test.each<[string, (proof: InclusionProof) => Partial<InclusionProof>]>([
  ["of a tree of another size", () => ({ treeSize: 12 })],
  ["with one hash less", (proof) => ({ hashes: cut(proof) })],
  ["with one hash more", (proof) => ({ hashes: [...proof.hashes, root.toString("base64")] })],
  ["with no hashes", () => ({ hashes: [] })],
  ["with a short hash", (proof) => ({ hashes: ["AAAA", ...cut(proof)] })],
  ["with many", () => ({ hashes: Array.from({ length: 10_000 }, () => root.toString("base64")) })],
  ["whose root is another", () => ({ rootHash: rootOf(0, 12).toString("base64") })],
  ["in a place that is none", () => ({ logIndex: 11 })],
  ["in a place below 0", () => ({ logIndex: -1 })],
  ["in no number", () => ({ logIndex: Number.NaN })],
  ["whose note is unsigned", () => ({ checkpoint: `log.example - 1\n11\n${root.toString("base64")}\n` })],
  ["whose note is about another tree", () => ({ checkpoint: noteOf(12, rootOf(0, 12)) })],
  ["whose note a stranger signed", () => ({ checkpoint: noteOf(11, root, stranger, other.privateKey) })],
  [
    "whose note a stranger signed by the log's name",
    () => ({ checkpoint: noteOf(11, root, log, other.privateKey) }),
  ],
  [
    "whose note was changed",
    (proof) => ({ checkpoint: proof.checkpoint.replace("log.example - 1", "log.example - 2") }),
  ],
  ["without a note", () => ({ checkpoint: "" })],
])("a proof %s is none", (_, change) => {
  const proof = proofOf(3, 11);
  expect(isIncluded(entryOf(3), { ...proof, ...change(proof) }, log)).toBe(false);
});
