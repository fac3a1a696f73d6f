/**
 * What the kernel makes of a new file: the process's umask, a directory's default ACL and setgid bit, and the mount's id map all have their say.
 * It is asked once for each directory; where it gives what was asked for, two calls for each further file are not needed.
 */
import type { ByteString } from "./byte-string.ts";
import type { LayerFiles, NewFile } from "./layer-files.ts";
import type { LayerPath } from "./layer-name.ts";
import type { TarEntry } from "./tar/entry.ts";

const EMPTY = "" as ByteString;
const PERMISSIONS = 0o777;
/** Nobody else's until it has its owner. */
const CLOSED = 0o600;

/** How a file comes to its owner and its mode. */
type FilePlan = Pick<NewFile, "mode" | "owner" | "finalMode">;

/** Remembers the directory that files were made in last: members of one come together. */
export class NewFiles {
  readonly #files: LayerFiles;
  readonly #uid: number;
  readonly #gid: number;
  readonly #hasOwners: boolean;
  #directory: LayerPath | undefined;
  /** Permissions that files in the directory get when they ask for them; undefined: its files are not as they are asked for. */
  #given: number | undefined = 0;

  /** @param hasOwners  Whether files are to have the owners of the archive, and not the caller's. */
  constructor(files: LayerFiles, hasOwners: boolean) {
    this.#files = files;
    this.#hasOwners = hasOwners;
    // Another system than Linux has none, and nobody there has uid -1.
    this.#uid = process.geteuid?.() ?? -1;
    this.#gid = process.getegid?.() ?? -1;
  }

  /** What to make the file of `entry` in `directory` with; undefined: the kernel is to be asked what it makes of it. */
  planFor(entry: TarEntry, directory: LayerPath): FilePlan | undefined {
    const mode = this.modeFor(entry, directory);
    if (!this.#isMadeAs(mode, entry)) {
      const { uid, gid } = entry;
      return { mode, owner: this.#hasOwners ? { uid, gid } : undefined, finalMode: entry.mode };
    }
    return this.#isKnown(mode) ? { mode, owner: undefined, finalMode: undefined } : undefined;
  }

  /** With which permissions to make the file of `entry` in `directory`. */
  modeFor(entry: TarEntry, directory: LayerPath): number {
    if (directory !== this.#directory) {
      this.#directory = directory;
      this.#given = 0;
    }
    const isPlain = (entry.mode & ~PERMISSIONS) === 0 && this.#given !== undefined;
    return isPlain && this.#isOurs(entry) ? entry.mode : CLOSED;
  }

  /** Whether `file`, just made with `mode` in the directory of `modeFor`, has the owner and the mode of `entry`. */
  isAsWanted(file: number, mode: number, entry: TarEntry): boolean {
    if (!this.#isMadeAs(mode, entry)) return false;
    if (this.#isKnown(mode)) return true;
    const status = this.#files.status(file, EMPTY);
    const isGiven =
      typeof status !== "number" &&
      (status.mode & 0o7777) === mode &&
      status.uid === this.#uid &&
      status.gid === this.#gid;
    this.#given = isGiven ? (this.#given ?? 0) | mode : undefined;
    return isGiven;
  }

  /** What is known of the directory holds no longer. */
  forget(): void {
    this.#directory = undefined;
  }

  #isOurs({ uid, gid }: TarEntry): boolean {
    return !this.#hasOwners || (uid === this.#uid && gid === this.#gid);
  }

  /** Whether nothing is to be changed where the kernel makes it as it is asked to. */
  #isMadeAs(mode: number, entry: TarEntry): boolean {
    return this.#given !== undefined && mode === entry.mode && this.#isOurs(entry);
  }

  /** Whether the kernel has made others with these permissions: umask and ACL take bits away, whichever others are asked for. */
  #isKnown(mode: number): boolean {
    return this.#given !== undefined && this.#given !== 0 && (mode & ~this.#given) === 0;
  }
}
