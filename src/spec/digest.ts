/**
 * Digests: the names of content.
 * Source: image-spec descriptor.md, digests; image-spec config.md, layer DiffID and ChainID.
 */
import type { Hash } from "node:crypto";
import { type Brand, TeuError } from "../base/index.ts";

/** `algorithm:encoded` of stored bytes. */
export type Digest = Brand<string, "Digest">;
/** Digest of a layer's uncompressed tar; not a `Digest`: it names no stored blob. */
export type DiffID = Brand<string, "DiffID">;
/** Digest of a stack of diffIDs, bottom first. */
export type ChainID = Brand<string, "ChainID">;

/** The text is not a digest. */
export class InvalidDigest extends TeuError<"invalid-digest", { text: string }> {
  constructor(context: { text: string }) {
    super(
      "invalid-digest",
      "invalid",
      context,
      `Invalid digest ${JSON.stringify(context.text)}: expected algorithm:hex`,
    );
  }
}

const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const REGISTERED = new Map([
  ["sha256", /^[a-f0-9]{64}$/],
  ["sha512", /^[a-f0-9]{128}$/],
  ["blake3", /^[a-f0-9]{64}$/],
]);

/** Parses `text` as a digest; an unregistered algorithm that fits the grammar passes. @throws {InvalidDigest} */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new InvalidDigest({ text });
  return text;
}

/** Whether `text` is a digest. */
export function isDigest(text: string): text is Digest {
  if (text.length > 1024 || !GRAMMAR.test(text)) return false;
  const colon = text.indexOf(":");
  return REGISTERED.get(text.slice(0, colon))?.test(text.slice(colon + 1)) ?? true;
}

/** Parses `text` as a diffID. @throws {InvalidDigest} */
export function parseDiffID(text: string): DiffID {
  return parseDigest(text) as string as DiffID;
}

/** The part before the colon: `sha256`. */
export function digestAlgorithm(digest: Digest | DiffID | ChainID): string {
  return digest.slice(0, digest.indexOf(":"));
}

/** The part after the colon. */
export function digestEncoded(digest: Digest | DiffID | ChainID): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The algorithms whose content we can check. */
export function isSupportedAlgorithm(algorithm: string): algorithm is "sha256" | "sha512" {
  return algorithm === "sha256" || algorithm === "sha512";
}

/** node:crypto costs a millisecond and a half to load, and a runtime that parses config.json hashes nothing. */
function createHash(algorithm: "sha256" | "sha512"): Hash {
  return process.getBuiltinModule("node:crypto").createHash(algorithm);
}

/** A running hash for content that should have `digest`'s algorithm. The caller has checked that it is supported. */
export function hasherFor(algorithm: "sha256" | "sha512"): Hash {
  return createHash(algorithm);
}

interface QuickHash {
  update(bytes: Uint8Array | string): QuickHash;
  digest(encoding: "hex"): string;
}

/** Bun has one that need not be loaded; every start of a container checks a manifest and a config. */
function quickHash(algorithm: "sha256" | "sha512"): QuickHash {
  const { Bun: bun } = globalThis as {
    Bun?: { CryptoHasher: new (algorithm: "sha256" | "sha512") => QuickHash };
  };
  return bun === undefined ? createHash(algorithm) : new bun.CryptoHasher(algorithm);
}

/** The digest of bytes that are all here. */
export function digestOf(bytes: Uint8Array | string, algorithm: "sha256" | "sha512" = "sha256"): Digest {
  return `${algorithm}:${quickHash(algorithm).update(bytes).digest("hex")}` as Digest;
}

/** ChainIDs of every prefix of `diffIDs`, bottom first. Source: image-spec config.md, layer ChainID. */
export function chainIDs(diffIDs: readonly DiffID[]): ChainID[] {
  const chain: ChainID[] = [];
  for (const diffID of diffIDs) {
    const below = chain.at(-1);
    chain.push((below === undefined ? diffID : digestOf(`${below} ${diffID}`)) as string as ChainID);
  }
  return chain;
}
