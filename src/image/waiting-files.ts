/**
 * Small files of one directory wait here for each other and are then made in one go: the kernel's part of a small file is so short that to call it
 * for each, five times, would take as long again. All that is not a plain file that can be made just as it comes is made alone, by whoever asked.
 */
import type { ByteString } from "./byte-string.ts";
import type { FileBatch, LayerFiles } from "./layer-files.ts";
import type { LayerPath } from "./layer-name.ts";
import type { NewFiles } from "./new-files.ts";
import type { TarEntry } from "./tar/entry.ts";

/** A file and where it belongs. `parent` is the open directory at `parentPath`. */
export interface FileInPlace {
  readonly entry: TarEntry;
  readonly parent: number;
  readonly parentPath: LayerPath;
  readonly base: ByteString;
  readonly path: LayerPath;
}

/** The same with all that it holds. */
export interface WaitingFile extends FileInPlace {
  readonly content: Uint8Array;
}

/** The files of one directory. Their order stays. */
export class WaitingFiles {
  readonly #files: LayerFiles;
  readonly #newFiles: NewFiles;
  readonly #makeAlone: (file: WaitingFile) => void;
  /** Made when first needed: many layers are small. */
  #batch: FileBatch | undefined;
  readonly #waiting: WaitingFile[] = [];

  /** @param makeAlone  Makes one of which the kernel has refused a part, as something is in its place, or throws. Its directory stays open. */
  constructor(files: LayerFiles, newFiles: NewFiles, makeAlone: (file: WaitingFile) => void) {
    this.#files = files;
    this.#newFiles = newFiles;
    this.#makeAlone = makeAlone;
  }

  /** Whose files wait; undefined: none do. Its descriptor is in use until they are made. */
  get directory(): LayerPath | undefined {
    return this.#waiting[0]?.parentPath;
  }

  /** Takes a file of that directory, with its content until {@link make}. @returns false: it is to be made alone, after the others */
  add(file: WaitingFile): boolean {
    const { entry, parent, parentPath, base, content } = file;
    if (entry.xattrs.size > 0) return false;
    const plan = this.#newFiles.planFor(entry, parentPath);
    if (plan === undefined) return false;
    this.#batch ??= this.#files.fileBatch();
    const whole = { ...plan, content, time: entry.mtime };
    if (!this.#batch.add(parent, base, whole)) {
      this.make();
      if (!this.#batch.add(parent, base, whole)) return false;
    }
    this.#waiting.push(file);
    return true;
  }

  /** Makes those that wait. */
  make(): void {
    const batch = this.#batch;
    if (batch === undefined || this.#waiting.length === 0) return;
    for (let at = batch.make(0); at < batch.count; at = batch.make(at + 1)) {
      const file = this.#waiting[at];
      if (file !== undefined) this.#makeAlone(file);
    }
    batch.clear();
    this.#waiting.length = 0;
  }
}
