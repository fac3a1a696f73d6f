/**
 * What the kernel makes of a new file: the process's umask, a directory's default ACL and setgid bit, and the mount's id map all have their say.
 * It is asked once for each directory; where it gives what was asked for, two calls for each further file are not needed.
 */
import type { ByteString } from "./byte-string.ts";
import type { LayerFiles } from "./layer-files.ts";
import type { LayerPath } from "./layer-name.ts";
import type { TarEntry } from "./tar/entry.ts";

const EMPTY = "" as ByteString;
const PERMISSIONS = 0o777;
/** Nobody else's until it has its owner. */
const CLOSED = 0o600;

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

  /** With which permissions to make the file of `entry` in `directory`. */
  modeFor({ mode, uid, gid }: TarEntry, directory: LayerPath): number {
    if (directory !== this.#directory) {
      this.#directory = directory;
      this.#given = 0;
    }
    const isOurs = !this.#hasOwners || (uid === this.#uid && gid === this.#gid);
    const isPlain = (mode & ~PERMISSIONS) === 0 && this.#given !== undefined;
    return isOurs && isPlain ? mode : CLOSED;
  }

  /** Whether `file`, just made with `mode` in the directory of `modeFor`, has the owner and the mode of `entry`. */
  isAsWanted(file: number, mode: number, entry: TarEntry): boolean {
    const isOurs = !this.#hasOwners || (entry.uid === this.#uid && entry.gid === this.#gid);
    if (!isOurs || mode !== entry.mode || this.#given === undefined) return false;
    // umask and ACL take bits away, whichever others are asked for.
    if ((mode & ~this.#given) === 0 && this.#given !== 0) return true;
    const status = this.#files.status(file, EMPTY);
    const isGiven =
      typeof status !== "number" &&
      (status.mode & 0o7777) === mode &&
      status.uid === this.#uid &&
      status.gid === this.#gid;
    this.#given = isGiven ? this.#given | mode : undefined;
    return isGiven;
  }

  /** What is known of the directory holds no longer. */
  forget(): void {
    this.#directory = undefined;
  }
}
