/** One member of a tar archive, after every extension was applied. Source: POSIX pax, ustar interchange format. */
import { TeuError } from "../../base/index.ts";
import type { ByteString } from "../byte-string.ts";

/** What a member is. Sockets cannot be archived. */
export type EntryType = "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";

/** A moment, with the nanoseconds that a `number` of milliseconds would lose. */
export interface Time {
  readonly seconds: number;
  /** 0 to 999,999,999, counted forward also before 1970. */
  readonly nanoseconds: number;
}

/** The member's header. */
export interface TarEntry {
  /** As the archive has it: may be absolute, hold `..`, end with a slash. */
  readonly name: ByteString;
  readonly type: EntryType;
  /** Of the content that comes, holes included; 0 but for files. */
  readonly size: number;
  /** Target of a link. */
  readonly linkName: ByteString;
  /** Permissions with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Time;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

/** The bytes are not an archive that we read. `offset` is where in the uncompressed stream. */
export class InvalidArchive extends TeuError<"invalid-archive", { offset: number; why: string }> {
  constructor(context: { offset: number; why: string }) {
    super(
      "invalid-archive",
      "invalid",
      context,
      `Invalid tar archive at byte ${context.offset}: ${context.why}`,
    );
  }
}

/** Why a header is wrong; the reader adds the place. */
export class BadHeader extends Error {}
