/**
 * Plain files of a layer on their way to the disk: one whose content is here whole waits for others of its directory, to be made with them; any
 * other is opened at once, takes its content in pieces, and gets at its end what its header says of it.
 */
import { closeSync, constants, ftruncateSync, writeSync } from "node:fs";
import type { ByteString } from "./byte-string.ts";
import { check, fileFailed } from "./errors.ts";
import type { LayerFiles } from "./layer-files.ts";
import type { LayerPath } from "./layer-name.ts";
import { NewFiles } from "./new-files.ts";
import type { TarEntry } from "./tar/entry.ts";
import { type FileInPlace, type WaitingFile, WaitingFiles } from "./waiting-files.ts";

const EMPTY = "" as ByteString;
const NOTHING: Uint8Array = new Uint8Array();
/** A file that is not there yet. */
export const FILE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/** What a layer's writer does for its files. */
export interface FileOwner {
  /** Runs `make`, a system call that makes the file; where something is in its place, that goes first. */
  create(place: FileInPlace, make: () => number): void;
  /** Owner, mode and attributes. */
  describe(file: number, entry: TarEntry): void;
  setAttributes(file: number, entry: TarEntry): void;
}

/** Takes one file after the other: `begin`, its `data`, `end`. Disposing closes what is open. */
export class FileContents implements Disposable {
  readonly #files: LayerFiles;
  readonly #newFiles: NewFiles;
  readonly #waiting: WaitingFiles;
  readonly #owner: FileOwner;
  /** One of which nothing has come but its header. */
  #begun: FileInPlace | undefined;
  /** The one being written, or -1. */
  #file = -1;
  #entry: TarEntry | undefined;
  #end = 0;
  /** Whether it was made with its owner and mode. */
  #isAsWanted = false;

  /** @param hasOwners  Whether files are to have the owners of the archive, and not the caller's. */
  constructor(files: LayerFiles, hasOwners: boolean, owner: FileOwner) {
    this.#files = files;
    this.#newFiles = new NewFiles(files, hasOwners);
    this.#waiting = new WaitingFiles(files, this.#newFiles, (file) => this.#makeAlone(file));
    this.#owner = owner;
  }

  /** Whose files wait to be made; undefined: none do. Its descriptor is in use until they are. */
  get directory(): LayerPath | undefined {
    return this.#waiting.directory;
  }

  begin(place: FileInPlace): void {
    this.#begun = place;
  }

  data(bytes: Uint8Array, position: number): void {
    if (this.#begun !== undefined) {
      const isWhole = position === 0 && bytes.length === this.#begun.entry.size;
      if (this.#decide(this.#begun, isWhole ? bytes : undefined)) return;
    }
    if (this.#file >= 0) this.#write(bytes, position);
  }

  /** Its content has ended; of what is no file there is nothing to do. */
  end(): void {
    const begun = this.#begun;
    if (begun !== undefined && this.#decide(begun, begun.entry.size === 0 ? NOTHING : undefined)) return;
    this.#close();
  }

  /** Makes those that wait. */
  makeWaiting(): void {
    this.#waiting.make();
  }

  /** What the kernel makes of files in the directory of the last one may be another by now. */
  forgetDirectory(): void {
    this.#newFiles.forget();
  }

  [Symbol.dispose](): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }

  /** @param content  All of it, if it is here. @returns whether the file is made with others, later; else it is open now */
  #decide(place: FileInPlace, content: Uint8Array | undefined): boolean {
    this.#begun = undefined;
    if (content !== undefined && this.#waiting.add({ ...place, content })) return true;
    this.#waiting.make();
    this.#open(place);
    return false;
  }

  #makeAlone(file: WaitingFile): void {
    this.#open(file);
    this.#write(file.content, 0);
    this.#close();
  }

  #open(place: FileInPlace): void {
    const { entry, parent, parentPath, base } = place;
    this.#owner.create(place, () => {
      const mode = this.#newFiles.modeFor(entry, parentPath);
      const file = this.#files.open(parent, base, FILE_FLAGS, mode);
      if (file < 0) return file;
      this.#isAsWanted = this.#newFiles.isAsWanted(file, mode, entry);
      this.#file = file;
      this.#entry = entry;
      this.#end = 0;
      return file;
    });
  }

  #write(bytes: Uint8Array, position: number): void {
    try {
      for (let at = 0; at < bytes.length; )
        at += writeSync(this.#file, bytes, at, bytes.length - at, position + at);
    } catch (error) {
      throw fileFailed(error, "write", this.#entry?.name ?? EMPTY);
    }
    this.#end = position + bytes.length;
  }

  #close(): void {
    const entry = this.#entry;
    if (this.#file < 0 || entry === undefined) return;
    if (this.#end < entry.size) ftruncateSync(this.#file, entry.size);
    if (!this.#isAsWanted) this.#owner.describe(this.#file, entry);
    else if (entry.xattrs.size > 0) this.#owner.setAttributes(this.#file, entry);
    check(this.#files.setTimes(this.#file, EMPTY, entry.mtime), "set times of", entry.name);
    closeSync(this.#file);
    this.#file = -1;
  }
}
