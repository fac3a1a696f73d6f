/**
 * An archive of images → the store: OCI layouts and what `docker save` wrote before and after it took that form, in one
 * pass over a tar, compressed or not. Names in the archive are keys into it and never paths (CVE-2014-9358); what is
 * not named by a manifest leaves the store again.
 * Source: image-spec image-layout.md; docker-archive as skopeo and docker write it.
 */
import type { ContentStore, Ingest } from "../../content/index.ts";
import {
  type Descriptor,
  type Digest,
  isDigest,
  MAX_MANIFEST_BYTES,
  parseImageIndex,
  parseImageLayout,
} from "../../spec/index.ts";
import { decodeName } from "../byte-string.ts";
import { type ByteSource, decompress } from "../compression.ts";
import { mayBeMissing } from "../read-image.ts";
import type { TarEntry } from "../tar/entry.ts";
import { type TarHandler, TarReader } from "../tar/reader.ts";
import type { CopyEvent } from "../transfer/copy-image.ts";
import { walkImage } from "../walk-image.ts";
import { type ArchiveContent, type ImportedImage, InvalidImageArchive } from "./content.ts";
import { dockerImages } from "./docker-manifest.ts";
import { byDigest } from "./names.ts";

/** More members, or links to links, than any archive of images has. */
const MAX_MEMBERS = 100_000;
const MAX_LINKS = 8;
/** What a member is, before a manifest says it. */
const OCTETS = "application/octet-stream" as Descriptor["mediaType"];
/** Read into memory; everything else goes to the store. */
const DOCUMENTS: ReadonlySet<string> = new Set(["index.json", "oci-layout", "manifest.json"]);

/**
 * Loads every image of the archive. On disk when this returns; the caller gives the images their names, and keeps
 * them from garbage collection meanwhile.
 * @param onEvent  Told of each member that is no document, as it comes; of one without a digest in its name when it is done.
 * @throws {InvalidImageArchive} @throws {InvalidArchive} @throws {DigestMismatch} @throws {InvalidDocument} @throws {InvalidJSON}
 */
export async function importArchive(
  store: ContentStore,
  source: ByteSource,
  signal?: AbortSignal,
  onEvent: (event: CopyEvent) => void = () => undefined,
): Promise<ImportedImage[]> {
  using members = new Members(store, onEvent);
  const reader = new TarReader(members);
  for await (const chunk of decompress(source)) {
    signal?.throwIfAborted();
    reader.write(chunk);
  }
  reader.end();
  const images = members.images();
  members.keep(images);
  return images;
}

/** Takes the archive's members. Disposing removes from the store what it brought and nobody kept. */
class Members implements TarHandler {
  readonly #store: ContentStore;
  readonly #tell: (event: CopyEvent) => void;
  readonly #documents = new Map<string, Buffer>();
  readonly #content = new Map<string, ArchiveContent>();
  readonly #links = new Map<string, string>();
  /** What was not in the store before. */
  readonly #added = new Set<Digest>();
  #isNew = false;
  #members = 0;
  #name = "";
  #ingest: Ingest | undefined;
  /** What is taken in, where its name says it. */
  #blob: Descriptor | undefined;
  #document: Buffer | undefined;

  constructor(store: ContentStore, tell: (event: CopyEvent) => void) {
    this.#store = store;
    this.#tell = tell;
  }

  entry(entry: TarEntry): void {
    if (++this.#members > MAX_MEMBERS)
      throw new InvalidImageArchive({ why: `it has more than ${MAX_MEMBERS} members` });
    this.#name = keyOf(decodeName(entry.name));
    if (entry.type === "symlink" || entry.type === "hardlink") {
      const target = decodeName(entry.linkName);
      const folder = this.#name.slice(0, this.#name.lastIndexOf("/") + 1);
      this.#links.set(this.#name, keyOf(entry.type === "symlink" ? folder + target : target));
    }
    if (entry.type !== "file") return;
    if (DOCUMENTS.has(this.#name)) {
      if (entry.size > MAX_MANIFEST_BYTES)
        throw new InvalidImageArchive({
          why: `${this.#name} has ${entry.size} bytes, at most ${MAX_MANIFEST_BYTES} are read`,
        });
      this.#document = Buffer.alloc(entry.size);
    } else {
      const digest = blobDigest(this.#name);
      // Content without a digest in its name may have been here before: it is left for garbage collection.
      this.#isNew = digest !== undefined && !this.#store.has(digest);
      this.#ingest = this.#store.ingest({ expected: { size: entry.size, ...(digest && { digest }) } });
      this.#blob = digest && { mediaType: OCTETS, digest, size: entry.size };
      if (this.#blob !== undefined) this.#tell({ kind: "begun", blob: this.#blob, offset: 0 });
    }
  }

  data(bytes: Buffer, position: number): void {
    if (this.#document !== undefined) bytes.copy(this.#document, position);
    if (this.#ingest === undefined) return;
    if (this.#ingest.offset !== position)
      throw new InvalidImageArchive({ why: `${this.#name} is a sparse file` });
    this.#ingest.write(bytes);
    if (this.#blob !== undefined)
      this.#tell({ kind: "moved", blob: this.#blob, offset: this.#ingest.offset });
  }

  entryEnd(): void {
    if (this.#document !== undefined) this.#documents.set(this.#name, this.#document);
    this.#document = undefined;
    if (this.#ingest === undefined) return;
    const committed = this.#ingest.commit();
    this.#ingest = undefined;
    if (this.#isNew) this.#added.add(committed.digest);
    this.#content.set(this.#name, committed);
    this.#tell({ kind: "done", blob: this.#blob ?? { mediaType: OCTETS, ...committed } });
  }

  /** What index.json names, or else manifest.json. */
  images(): ImportedImage[] {
    const layout = this.#documents.get("oci-layout");
    const index = this.#documents.get("index.json");
    if (layout !== undefined && index !== undefined) {
      parseImageLayout(layout);
      return this.#complete(byDigest(parseImageIndex(index).manifests));
    }
    const manifest = this.#documents.get("manifest.json");
    if (manifest === undefined)
      throw new InvalidImageArchive({ why: "it holds neither index.json nor manifest.json" });
    const images = dockerImages(this.#store, manifest, (name) => this.#find(name));
    return this.#complete(images);
  }

  /** Lets go of what `images` need. */
  keep(images: readonly ImportedImage[]): void {
    for (const { descriptor } of images)
      for (const walked of walkImage(this.#store, descriptor)) this.#added.delete(walked.descriptor.digest);
  }

  [Symbol.dispose](): void {
    this.#ingest?.abort();
    for (const digest of this.#added) this.#store.delete(digest);
  }

  #find(name: string): ArchiveContent | undefined {
    let key = keyOf(name);
    for (let links = 0; links < MAX_LINKS; links++) {
      const content = this.#content.get(key);
      if (content !== undefined) return content;
      const target = this.#links.get(key);
      if (target === undefined) return undefined;
      key = target;
    }
    return undefined;
  }

  /** Of an index whose other platforms are not in the archive, those that are here suffice. */
  #complete(images: ImportedImage[]): ImportedImage[] {
    if (images.length === 0) throw new InvalidImageArchive({ why: "it names no image" });
    for (const { descriptor } of images) {
      let here = 0;
      for (const { descriptor: found, isHere } of walkImage(this.#store, descriptor)) {
        if (isHere) here++;
        else if (found.platform === undefined && !mayBeMissing(found))
          throw new InvalidImageArchive({ why: `blob ${found.digest} is not in it` });
      }
      if (here === 0) throw new InvalidImageArchive({ why: `blob ${descriptor.digest} is not in it` });
    }
    return images;
  }
}

/** `./a/../b` and `/b` are the key `b`. */
function keyOf(name: string): string {
  const names: string[] = [];
  for (const part of name.split("/"))
    if (part === "..") names.pop();
    else if (part !== "" && part !== ".") names.push(part);
  return names.join("/");
}

function blobDigest(key: string): Digest | undefined {
  const [folder, algorithm, encoded, ...more] = key.split("/");
  const digest: string = `${algorithm}:${encoded}`;
  return folder === "blobs" && more.length === 0 && isDigest(digest) ? digest : undefined;
}
