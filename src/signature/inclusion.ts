/**
 * Proofs that an entry is in a transparency log: hashes that lead from the entry to the root of the log's tree, and a note in which the log signs that root.
 * They are verified offline, by the log's key. Source: RFC 6962, 2.1 (leaves, nodes) and RFC 9162, 2.1.3.2 (verifying); C2SP signed-note.md and tlog-checkpoint.md;
 * rekor pkg/util/checkpoint.go.
 */
import { createHash } from "node:crypto";
import { decodeBase64 } from "./base64.ts";
import type { TrustedLog } from "./transparency-log.ts";

/** As bundles have it. */
export interface InclusionProof {
  /** The entry's place in the tree; a log of several trees counts its entries otherwise. */
  readonly logIndex: number;
  readonly treeSize: number;
  /** In base64, as the root is. */
  readonly rootHash: string;
  readonly hashes: readonly string[];
  /** A signed note. */
  readonly checkpoint: string;
}

const HASH_BYTES = 32;
/** A tree of more levels would have more entries than numbers count. */
const MAX_HASHES = 53;
const MAX_CHECKPOINT = 16_384;

/** Whether `entry`, what the log keeps, is in the tree whose root the log signed. */
export function isIncluded(entry: Uint8Array, proof: InclusionProof, log: TrustedLog): boolean {
  const root = decodeBase64(proof.rootHash);
  if (root?.length !== HASH_BYTES) return false;
  const signed = signedRoot(proof.checkpoint, log);
  if (signed?.treeSize !== proof.treeSize || Buffer.compare(signed.root, root) !== 0) return false;
  const computed = rootOf(hash(Uint8Array.of(0), entry), proof);
  return computed !== undefined && Buffer.compare(computed, root) === 0;
}

/** Source: RFC 9162, 2.1.3.2. */
function rootOf(leaf: Uint8Array, { logIndex, treeSize, hashes }: InclusionProof): Uint8Array | undefined {
  const isNumber = Number.isSafeInteger(logIndex) && Number.isSafeInteger(treeSize);
  if (!isNumber || logIndex < 0 || logIndex >= treeSize || hashes.length > MAX_HASHES) return undefined;
  // Halved by arithmetic: bits would end at 2³².
  let [node, last, root] = [logIndex, treeSize - 1, leaf];
  const half = (number: number): number => Math.floor(number / 2);
  for (const text of hashes) {
    const beside = decodeBase64(text);
    if (beside?.length !== HASH_BYTES || last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      root = hash(Uint8Array.of(1), beside, root);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else root = hash(Uint8Array.of(1), root, beside);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 ? root : undefined;
}

/** The root that a checkpoint is about, if the log signed it. Other signatures may stand beside the log's. */
function signedRoot(note: string, log: TrustedLog): { treeSize: number; root: Uint8Array } | undefined {
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || note.length > MAX_CHECKPOINT) return undefined;
  const text = note.slice(0, end + 1);
  const isSigned = note
    .slice(end + 2)
    .split("\n")
    .some((line) => isSignature(line, text, log));
  if (!isSigned) return undefined;
  const [, size = "", rootHash = ""] = text.split("\n");
  const root = decodeBase64(rootHash);
  return /^\d{1,15}$/.test(size) && root !== undefined ? { treeSize: Number(size), root } : undefined;
}

/** `— NAME BASE64`: four bytes of the key's ID, then the signature. */
function isSignature(line: string, text: string, log: TrustedLog): boolean {
  const [, name = "", encoded = ""] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
  const bytes = decodeBase64(encoded);
  if (bytes === undefined || bytes.length < 5) return false;
  const id = keyID(name, text, log);
  const hint = Buffer.from(bytes.subarray(0, 4)).toString("hex");
  return hint === id?.slice(0, 8) && log.key.isSignature(Buffer.from(text), bytes.subarray(4));
}

/** How DER begins of a key for Ed25519: RFC 8410, 4. */
const ED25519 = Buffer.from("302a300506032b6570032100", "hex");

/** Of the log under this name, in hex: of a key for Ed25519 it holds the name, under which alone the log makes its notes. */
function keyID(name: string, text: string, { id, key, checkpointID }: TrustedLog): string | undefined {
  if (Buffer.compare(key.der.subarray(0, ED25519.length), ED25519) !== 0) return id;
  const own = hash(Buffer.from(`${name}\n\u0001`), key.der.subarray(ED25519.length));
  const found = Buffer.from(own).toString("hex");
  return text.startsWith(`${name}\n`) && (checkpointID ?? found) === found ? found : undefined;
}

function hash(...parts: Uint8Array[]): Uint8Array {
  const hasher = createHash("sha256");
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}
