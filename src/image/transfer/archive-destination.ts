/**
 * `oci-archive:FILE[:NAME]` and `docker-archive:FILE[:NAME]`, written: an OCI layout in a tar, to which the latter adds the
 * manifest.json by which docker and podman load it. Sizes are known beforehand, so each blob gets its place when it begins and
 * several are written at once. The file is written aside and renamed.
 * Source: image-spec image-layout.md; `docker save` since version 25.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Unsupported } from "../../base/index.ts";
import { REF_NAME, syncFolder, writeError, writeWhole } from "../../content/index.ts";
import {
  type Descriptor,
  type Digest,
  mediaTypeKind,
  mediaTypes,
  parseManifest,
  parseReference,
} from "../../spec/index.ts";
import { dockerEntry } from "../archive/docker-entry.ts";
import { blobName, LAYOUT_FILE, memberHeader, smallMember } from "../archive/member.ts";
import { nameAnnotations } from "../archive/names.ts";
import { END_OF_ARCHIVE, padding } from "../tar/writer.ts";
import type { ArchivePlace } from "./archive-source.ts";
import { InvalidPlace } from "./errors.ts";
import type { ImageDestination, ImageDocument } from "./place.ts";

/** Opens an archive to be written. `names` are more names for the image. @throws {InvalidPlace} @throws {InvalidReference} */
export function archiveDestination(
  { kind, file, image }: ArchivePlace,
  names: readonly string[] = [],
): ImageDestination {
  const place = image === undefined ? `${kind}:${file}` : `${kind}:${file}:${image}`;
  const all = image === undefined ? names : [image, ...names];
  if (kind === "docker-archive") for (const name of all) parseReference(name);
  const special = statSync(file, { throwIfNoEntry: false });
  if (special !== undefined && !special.isFile())
    throw new InvalidPlace({ place: `${kind}:${file}`, why: "it is not a regular file" });
  return new ArchiveDestination(place, file, kind === "docker-archive", all);
}

class ArchiveDestination implements ImageDestination {
  readonly name: string;
  readonly isChecking = false;
  readonly writeReferrer?: (document: ImageDocument) => Promise<void>;
  readonly #file: string;
  readonly #isDocker: boolean;
  readonly #names: readonly string[];
  readonly #written = new Set<Digest>();
  readonly #referrers: Descriptor[] = [];
  #descriptor: number | undefined;
  #end = 0;

  constructor(name: string, file: string, isDocker: boolean, names: readonly string[]) {
    this.name = name;
    this.#file = file;
    this.#isDocker = isDocker;
    this.#names = names;
    // Docker's archives keep none.
    if (!isDocker)
      this.writeReferrer = async (document) => {
        await this.writeDocument(document);
        this.#referrers.push(document.descriptor);
      };
  }

  admit(root: Descriptor, documents: readonly ImageDocument[]): void {
    if (!this.#isDocker) return;
    const [document] = documents;
    const what = `docker-archive for ${root.digest}`;
    if (document === undefined || documents.length > 1 || mediaTypeKind(root.mediaType) !== "manifest")
      throw new Unsupported(
        { what, why: "it is an index, and such an archive holds one image" },
        { hint: "Choose one with --platform, or write an oci-archive" },
      );
    const { config } = parseManifest(document.bytes, root.mediaType);
    if (mediaTypeKind(config.mediaType) !== "config")
      throw new Unsupported({
        what,
        why: `its config is of type ${config.mediaType}, which docker cannot load`,
      });
  }

  async hasBlob({ digest }: Descriptor): Promise<boolean> {
    return this.#written.has(digest);
  }

  async writeBlob(blob: Descriptor, open: () => AsyncIterable<Uint8Array>): Promise<void> {
    this.#written.add(blob.digest);
    const header = memberHeader(blobName(blob.digest), blob.size);
    const fill = padding(blob.size);
    let at = this.#reserve(header.length + blob.size + fill.length);
    const put = (bytes: Uint8Array): void => {
      this.#write(bytes, at);
      at += bytes.length;
    };
    put(header);
    for await (const chunk of open()) put(chunk);
    put(fill);
  }

  async writeDocument({ descriptor, bytes }: ImageDocument): Promise<void> {
    if (this.#written.has(descriptor.digest)) return;
    this.#written.add(descriptor.digest);
    this.#append(blobName(descriptor.digest), bytes);
  }

  async commit(root: ImageDocument): Promise<void> {
    await this.writeDocument(root);
    this.#append("index.json", encode(this.#index(root.descriptor)));
    if (this.#isDocker) this.#append("manifest.json", encode(this.#dockerManifest(root)));
    this.#write(END_OF_ARCHIVE, this.#reserve(END_OF_ARCHIVE.length));
    const descriptor = this.#open();
    fsyncSync(descriptor);
    renameSync(this.#draft, this.#file);
    syncFolder(dirname(this.#file));
    this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#descriptor === undefined) return;
    this.#close();
    rmSync(this.#draft, { force: true });
  }

  get #draft(): string {
    return `${this.#file}.${process.pid}.tmp`;
  }

  #index({ annotations: _, ...root }: Descriptor): object {
    const named = this.#names.map((name) => ({ ...root, annotations: annotationsOf(name, this.#isDocker) }));
    const manifests = [...this.#referrers, ...(named.length > 0 ? named : [root])];
    return { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  }

  #dockerManifest({ bytes, descriptor }: ImageDocument): object {
    return [dockerEntry(parseManifest(bytes, descriptor.mediaType), this.#names)];
  }

  #open(): number {
    if (this.#descriptor !== undefined) return this.#descriptor;
    try {
      this.#descriptor = openSync(this.#draft, "wx", 0o644);
    } catch (error) {
      throw new InvalidPlace({ place: this.name, why: "it cannot be made there" }, { cause: error });
    }
    this.#append("oci-layout", LAYOUT_FILE);
    return this.#descriptor;
  }

  /** Where the next `length` bytes go. */
  #reserve(length: number): number {
    this.#open();
    const at = this.#end;
    this.#end += length;
    return at;
  }

  #append(name: string, bytes: Uint8Array): void {
    const member = Buffer.concat([...smallMember(name, bytes)]);
    this.#write(member, this.#reserve(member.length));
  }

  #write(bytes: Uint8Array, at: number): void {
    try {
      writeWhole(this.#open(), bytes, at);
    } catch (error) {
      throw writeError(error, this.#file);
    }
  }

  #close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** In an OCI archive the name is what was said; in one of docker's it is a whole reference, for containerd too. */
function annotationsOf(name: string, isDocker: boolean): Descriptor["annotations"] {
  return isDocker ? nameAnnotations(name) : { [REF_NAME]: name };
}

function encode(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
