/**
 * A tar archive read as it comes: `write` takes chunks of any size and hands entries and their content to a handler,
 * synchronously. Content is passed on as views of the chunk, so that reading costs nothing per byte.
 * Archives are hostile: extension headers, maps and numbers are bounded, and where readers are known to disagree about
 * what an archive holds (CVE-2025-62518), it is refused.
 */
import { type ByteString, byteStringOf } from "../byte-string.ts";
import { BadHeader, type EntryType, InvalidArchive, type TarEntry } from "./entry.ts";
import { BLOCK, entryType, isZeroBlock, type RawHeader, readHeader } from "./header.ts";
import { readNumber } from "./number.ts";
import { applyPax, type PaxFields, type PaxRecords, parsePax, requireHarmlessGlobals } from "./pax.ts";
import {
  checkFragments,
  type Fragment,
  leadingMapLines,
  readFragments,
  readLeadingMap,
  readSparseRecords,
} from "./sparse.ts";

/** Takes what a reader finds, in order: `entry`, its `data` in pieces, `entryEnd`. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** Content that belongs at `position` in the file; what is not passed is a hole. The view is valid until the chunk has ended. */
  data(bytes: Buffer, position: number): void;
  entryEnd(): void;
  /** The chunk that `write` took may be used again after this. */
  chunkEnd?(): void;
}

/** Extended headers, long names and maps are kept in memory, so they are bounded; no honest one comes near. */
export const MAX_EXTENSION_BYTES = 1 << 20;

type State =
  | { readonly kind: "header" }
  | { readonly kind: "extension"; readonly typeFlag: string; readonly body: Buffer; length: number }
  | {
      readonly kind: "old sparse map";
      readonly header: RawHeader;
      readonly fragments: Fragment[];
      readonly realSize: number;
    }
  | {
      readonly kind: "leading map";
      readonly header: RawHeader;
      readonly realSize: number;
      text: string;
      newlines: number;
    }
  | { readonly kind: "data" }
  | { readonly kind: "end" };

/** Of most members nothing is said but their header. */
const NO_FIELDS: PaxFields = { xattrs: new Map(), sparse: [] };

/** Reads one archive. */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #block = Buffer.alloc(BLOCK);
  #blockLength = 0;
  #state: State = { kind: "header" };
  /** Bytes of padding to pass over before the state goes on. */
  #padding = 0;
  /** Where in the archive the next byte lies. */
  #offset = 0;
  #zeroBlocks = 0;

  #globals: PaxRecords[] = [];
  #pax: PaxRecords | undefined;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;

  /** The member whose header is being read, until it is handed on. */
  #type: EntryType = "file";
  #fields: PaxFields = NO_FIELDS;
  /** What is left of the member's content, and where it goes. */
  #remaining = 0;
  #stored = 0;
  #fragments: readonly Fragment[] = [];
  #fragment = 0;
  #inFragment = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Takes the next bytes of the archive. @throws {InvalidArchive} and whatever the handler throws */
  write(chunk: Buffer): void {
    try {
      this.#consume(chunk);
      this.#handler.chunkEnd?.();
    } catch (error) {
      throw error instanceof BadHeader
        ? new InvalidArchive({ offset: this.#offset, why: error.message })
        : error;
    }
  }

  /**
   * The archive has ended; whether it was whole. A missing end mark is tolerated, and that the last content is not padded, as Go's
   * reader tolerates both: 'umoci insert' (0.4.7) writes neither. @throws {InvalidArchive}
   */
  end(): void {
    const isBetween = this.#state.kind === "header" && this.#blockLength === 0;
    const isWhole =
      isBetween && this.#pax === undefined && this.#longName === undefined && this.#longLink === undefined;
    if (this.#state.kind !== "end" && !isWhole)
      throw new InvalidArchive({ offset: this.#offset, why: "it ends in the middle of a member" });
  }

  #consume(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const before = at;
      if (this.#padding > 0) {
        at += Math.min(this.#padding, chunk.length - at);
        this.#padding -= at - before;
      } else if (this.#state.kind === "data") at += this.#takeData(chunk, at);
      else if (this.#state.kind === "extension") at += this.#takeExtension(chunk, at, this.#state);
      else if (this.#state.kind === "end")
        at = chunk.length; // what follows the end mark is padding
      else at += this.#takeBlock(chunk, at);
      this.#offset += at - before;
    }
  }

  /** Collects one block; most come whole within a chunk and are read in place. */
  #takeBlock(chunk: Buffer, at: number): number {
    if (this.#blockLength === 0 && chunk.length - at >= BLOCK) {
      this.#useBlock(chunk.subarray(at, at + BLOCK));
      return BLOCK;
    }
    const length = chunk.copy(this.#block, this.#blockLength, at, at + BLOCK - this.#blockLength);
    this.#blockLength += length;
    if (this.#blockLength === BLOCK) {
      this.#blockLength = 0;
      this.#useBlock(this.#block);
    }
    return length;
  }

  #useBlock(block: Buffer): void {
    const state = this.#state;
    switch (state.kind) {
      case "header":
        this.#useHeader(block);
        break;
      case "old sparse map":
        readFragments(block, 0, 21, state.fragments);
        if (block[504] === 0)
          this.#beginSparse(state.header, state.fragments, state.realSize, state.header.size);
        break;
      case "leading map":
        this.#useMapBlock(block, state);
        break;
      default:
        throw new BadHeader("a block comes where none is expected"); // unreachable: the other states take bytes
    }
  }

  #useHeader(block: Buffer): void {
    if (isZeroBlock(block)) {
      this.#zeroBlocks++;
      if (this.#zeroBlocks === 2) this.#state = { kind: "end" };
      return;
    }
    if (this.#zeroBlocks > 0) throw new BadHeader("a member follows a block of zeros");
    const header = readHeader(block);
    switch (header.typeFlag) {
      case "x":
      case "g":
      case "L":
      case "K":
        this.#beginExtension(header);
        break;
      default:
        this.#beginMember(header, block);
    }
  }

  // Extension headers. A PAX size never applies to them, only to the member that they describe.

  #beginExtension({ typeFlag, size }: RawHeader): void {
    if (size > MAX_EXTENSION_BYTES) throw new BadHeader(`an extension header has ${size} bytes`);
    const isRepeated =
      (typeFlag === "x" && this.#pax !== undefined) ||
      (typeFlag === "L" && this.#longName !== undefined) ||
      (typeFlag === "K" && this.#longLink !== undefined);
    if (isRepeated) throw new BadHeader("two extension headers of one kind describe one member");
    const state: State = { kind: "extension", typeFlag, body: Buffer.allocUnsafe(size), length: 0 };
    this.#state = state;
    if (size === 0) this.#useExtension(state);
  }

  #takeExtension(chunk: Buffer, at: number, state: State & { kind: "extension" }): number {
    const length = chunk.copy(state.body, state.length, at, at + state.body.length - state.length);
    state.length += length;
    if (state.length === state.body.length) {
      this.#padding = paddingAfter(state.length);
      this.#useExtension(state);
    }
    return length;
  }

  #useExtension({ typeFlag, body }: State & { kind: "extension" }): void {
    this.#state = { kind: "header" };
    if (typeFlag === "x") this.#pax = parsePax(body);
    else if (typeFlag === "L") this.#longName = untilNul(body);
    else if (typeFlag === "K") this.#longLink = untilNul(body);
    else {
      const records = parsePax(body);
      requireHarmlessGlobals(records);
      this.#globals = [...this.#globals, records].slice(-MAX_GLOBALS);
    }
  }

  // Members.

  #beginMember(header: RawHeader, block: Buffer): void {
    const fields = this.#takeFields();
    const sparse = readSparseRecords(fields.sparse);
    const name =
      sparse?.name === undefined
        ? (fields.path ?? this.#longName ?? header.name)
        : (sparse.name as ByteString);
    const linkName = fields.linkpath ?? this.#longLink ?? header.linkName;
    this.#longName = undefined;
    this.#longLink = undefined;
    if (name.includes("\0")) throw new BadHeader("a name holds a NUL");
    const type = entryType(header.typeFlag, name);
    // Only files have content, whatever the header of another member says.
    const size = type === "file" ? (fields.size ?? header.size) : 0;
    const whole: RawHeader = {
      ...header,
      name,
      linkName,
      size,
      uid: fields.uid ?? header.uid,
      gid: fields.gid ?? header.gid,
    };
    this.#type = type;
    this.#fields = fields;
    if (header.typeFlag === "S") this.#beginOldSparse(whole, block);
    else if (sparse === undefined || type !== "file")
      this.#begin(whole, size, size, size === 0 ? [] : [{ offset: 0, length: size }]);
    else if (sparse.fragments !== undefined)
      this.#beginSparse(whole, sparse.fragments, sparse.realSize, size);
    else
      this.#state = { kind: "leading map", header: whole, realSize: sparse.realSize, text: "", newlines: 0 };
  }

  /** What extended headers say of the member that begins. */
  #takeFields(): PaxFields {
    if (this.#pax === undefined && this.#globals.length === 0) return NO_FIELDS;
    const fields: PaxFields = { xattrs: new Map(), sparse: [] };
    for (const records of this.#globals) applyPax(records, fields);
    if (this.#pax !== undefined) applyPax(this.#pax, fields);
    this.#pax = undefined;
    return fields;
  }

  #beginOldSparse(header: RawHeader, block: Buffer): void {
    const fragments: Fragment[] = [];
    readFragments(block, 386, 4, fragments);
    const realSize = readNumber(block, 483, 12);
    if (block[482] === 0) this.#beginSparse(header, fragments, realSize, header.size);
    else this.#state = { kind: "old sparse map", header, fragments, realSize };
  }

  #useMapBlock(block: Buffer, state: State & { kind: "leading map" }): void {
    const text = block.toString("latin1", 0, BLOCK);
    state.text += text;
    if (state.text.length > Math.min(MAX_EXTENSION_BYTES, state.header.size))
      throw new BadHeader("a sparse file's map is larger than the file");
    state.newlines += text.split("\n").length - 1;
    if (state.newlines === 0 || state.newlines < leadingMapLines(state.text)) return;
    const fragments = readLeadingMap(state.text, leadingMapLines(state.text));
    this.#beginSparse(state.header, fragments, state.realSize, state.header.size - state.text.length);
  }

  #beginSparse(header: RawHeader, fragments: readonly Fragment[], realSize: number, stored: number): void {
    checkFragments(fragments, realSize, stored);
    this.#begin(header, realSize, stored, fragments);
  }

  #begin(header: RawHeader, size: number, stored: number, fragments: readonly Fragment[]): void {
    this.#state = { kind: "data" };
    this.#stored = stored;
    this.#remaining = stored;
    this.#fragments = fragments;
    this.#fragment = 0;
    this.#inFragment = 0;
    this.#handler.entry({
      name: header.name,
      type: this.#type,
      size,
      linkName: header.linkName,
      mode: header.mode & 0o7777,
      uid: identity(header.uid),
      gid: identity(header.gid),
      mtime: this.#fields.mtime ?? { seconds: header.mtime, nanoseconds: 0 },
      major: header.major,
      minor: header.minor,
      xattrs: this.#fields.xattrs,
    });
    if (stored === 0) this.#endMember();
  }

  #takeData(chunk: Buffer, at: number): number {
    const fragment = this.#fragments[this.#fragment];
    if (fragment === undefined) throw new BadHeader("a sparse file has more content than its map"); // checked before
    const length = Math.min(chunk.length - at, fragment.length - this.#inFragment);
    if (length > 0) this.#handler.data(chunk.subarray(at, at + length), fragment.offset + this.#inFragment);
    this.#inFragment += length;
    this.#remaining -= length;
    if (this.#inFragment === fragment.length) {
      this.#fragment++;
      this.#inFragment = 0;
    }
    if (this.#remaining === 0) this.#endMember();
    return length;
  }

  #endMember(): void {
    this.#padding = paddingAfter(this.#stored);
    this.#state = { kind: "header" };
    this.#handler.entryEnd();
  }
}

const MAX_GLOBALS = 16;
/** (uid_t)-1 means "do not change" to chown(2), so it is nobody's. */
const MAX_ID = 0xffff_fffe;

function identity(id: number): number {
  if (id < 0 || id > MAX_ID) throw new BadHeader(`owner ${id} is not one that Linux has`);
  return id;
}

function paddingAfter(length: number): number {
  return (BLOCK - (length % BLOCK)) % BLOCK;
}

function untilNul(body: Buffer): ByteString {
  const end = body.indexOf(0);
  return byteStringOf(body, 0, end < 0 ? body.length : end);
}
