/**
 * Reads the files of bbolt, in which containerd keeps its records: a copy of the whole file, with no lock, so that whoever has it open for
 * years, as containerd has, is not waited for. A transaction writes new pages and then one of two meta pages, and overwrites nothing that
 * the one before it refers to: a copy is of one moment if the newest meta page is the same when it is done.
 * Source: go.etcd.io/bbolt, page.go, bucket.go, db.go.
 */
import { readFileSync } from "node:fs";
import { TeuError } from "../../base/index.ts";

/** The file is no such file, or it lost bits. */
export class InvalidBoltFile extends TeuError<"invalid-bolt-file", { path: string; why: string }> {
  constructor(context: { path: string; why: string }) {
    super(
      "invalid-bolt-file",
      "data-loss",
      context,
      `Cannot read the records in ${context.path}: ${context.why}`,
    );
  }
}

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const PAGE_HEADER_BYTES = 16;
const ELEMENT_BYTES = 16;
const BUCKET_BYTES = 16;
/** `struct meta` up to its checksum. */
const META_BYTES = 56;
const BRANCH = 0x01;
const LEAF = 0x02;
const IS_BUCKET = 0x01;
const PAGE_SIZES = [4096, 8192, 16_384, 32_768, 65_536];
/** No honest tree is as deep. */
const MAX_DEPTH = 64;
const MAX_READS = 20;

interface Meta {
  readonly pageBytes: number;
  readonly root: number;
  readonly transaction: bigint;
}

/** A bucket: keys with values, and buckets below it. */
export interface BoltBucket {
  /** The bucket of this name below this one. */
  bucket(name: string): BoltBucket | undefined;
  /** The value of `key`, as UTF-8. */
  text(key: string): string | undefined;
  /** The value of `key`. */
  value(key: string): Uint8Array | undefined;
  /** The names of all buckets below this one, in their order. */
  bucketNames(): string[];
}

/** The file's top bucket, as it is at this moment. @throws {InvalidBoltFile} */
export function readBoltFile(path: string): BoltBucket {
  for (let reads = 0; reads < MAX_READS; reads++) {
    const bytes = readFileSync(path);
    const meta = newestMeta(path, bytes);
    if (newestMeta(path, readFileSync(path)).transaction !== meta.transaction) continue;
    const file = new BoltFile(path, bytes, meta.pageBytes);
    return new Bucket(file, { page: meta.root });
  }
  throw new InvalidBoltFile({ path, why: "it is written to all the time" });
}

function newestMeta(path: string, bytes: Buffer): Meta {
  const metas = [0, ...PAGE_SIZES].flatMap((offset) => metaAt(bytes, offset) ?? []);
  const [newest] = metas.sort((a, b) => (a.transaction < b.transaction ? 1 : -1));
  if (newest === undefined) throw new InvalidBoltFile({ path, why: "it is no bbolt file" });
  return newest;
}

function metaAt(bytes: Buffer, offset: number): Meta | undefined {
  const at = offset + PAGE_HEADER_BYTES;
  if (bytes.length < at + META_BYTES + 8) return undefined;
  if (bytes.readUInt32LE(at) !== MAGIC || bytes.readUInt32LE(at + 4) !== VERSION) return undefined;
  // One that was being written: the other one counts.
  if (bytes.readBigUInt64LE(at + META_BYTES) !== fnv1a(bytes.subarray(at, at + META_BYTES))) return undefined;
  return {
    pageBytes: bytes.readUInt32LE(at + 8),
    root: Number(bytes.readBigUInt64LE(at + 16)),
    transaction: bytes.readBigUInt64LE(at + 48),
  };
}

function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** Where a bucket's pages begin: at a page of the file, or in its own value when it is small. */
type Root = { readonly page: number } | { readonly inline: Buffer };

interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly isBucket: boolean;
}

class BoltFile {
  readonly #path: string;
  readonly #bytes: Buffer;
  readonly #pageBytes: number;

  constructor(path: string, bytes: Buffer, pageBytes: number) {
    this.#path = path;
    this.#bytes = bytes;
    this.#pageBytes = pageBytes;
  }

  *entries(root: Root, depth = 0): Generator<Entry, void, void> {
    if (depth > MAX_DEPTH) throw this.damaged("its pages lead round in circles");
    const page = "inline" in root ? root.inline : this.#page(root.page);
    const flags = page.readUInt16LE(8);
    const count = page.readUInt16LE(10);
    for (let index = 0; index < count; index++) {
      const at = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
      if (at + ELEMENT_BYTES > page.length) throw this.damaged("a page ends too early");
      if (flags & LEAF) yield this.#leaf(page, at);
      else if (flags & BRANCH) yield* this.entries({ page: Number(page.readBigUInt64LE(at + 8)) }, depth + 1);
      else throw this.damaged("a page is of no kind that belongs there");
    }
  }

  damaged(why: string): InvalidBoltFile {
    return new InvalidBoltFile({ path: this.#path, why });
  }

  #leaf(page: Buffer, at: number): Entry {
    const [flags, position, keyBytes, valueBytes] = [0, 4, 8, 12].map((offset) =>
      page.readUInt32LE(at + offset),
    ) as [number, number, number, number]; // as many as were read
    const start = at + position;
    const middle = start + keyBytes;
    if (middle + valueBytes > page.length) throw this.damaged("an entry leads out of its page");
    return {
      key: page.subarray(start, middle),
      value: page.subarray(middle, middle + valueBytes),
      isBucket: (flags & IS_BUCKET) !== 0,
    };
  }

  #page(number: number): Buffer {
    const start = number * this.#pageBytes;
    if (start + PAGE_HEADER_BYTES > this.#bytes.length) throw this.damaged(`page ${number} is not in it`);
    const more = this.#bytes.readUInt32LE(start + 12);
    const end = start + (more + 1) * this.#pageBytes;
    if (end > this.#bytes.length) throw this.damaged(`page ${number} is not whole`);
    return this.#bytes.subarray(start, end);
  }
}

class Bucket implements BoltBucket {
  readonly #file: BoltFile;
  readonly #root: Root;

  constructor(file: BoltFile, root: Root) {
    this.#file = file;
    this.#root = root;
  }

  bucket(name: string): BoltBucket | undefined {
    const value = this.#find(name, true);
    if (value === undefined) return undefined;
    if (value.length < BUCKET_BYTES) throw this.#file.damaged("a bucket has no root");
    const page = Number(value.readBigUInt64LE(0));
    const root = page === 0 ? { inline: value.subarray(BUCKET_BYTES) } : { page };
    return new Bucket(this.#file, root);
  }

  text(key: string): string | undefined {
    return this.#find(key, false)?.toString();
  }

  value(key: string): Uint8Array | undefined {
    return this.#find(key, false);
  }

  bucketNames(): string[] {
    return [...this.#file.entries(this.#root)]
      .filter(({ isBucket }) => isBucket)
      .map(({ key }) => key.toString());
  }

  #find(name: string, isBucket: boolean): Buffer | undefined {
    const wanted = Buffer.from(name);
    for (const entry of this.#file.entries(this.#root))
      if (entry.isBucket === isBucket && entry.key.equals(wanted)) return entry.value;
    return undefined;
  }
}
