/** The 512-byte header of a tar member: v7, ustar, GNU. Source: POSIX ustar interchange format; GNU tar, tar.h. */
import { type ByteString, byteStringOf } from "../byte-string.ts";
import { BadHeader, type EntryType } from "./entry.ts";
import { readNumber } from "./number.ts";

/** Headers and content come in blocks of this size. */
export const BLOCK = 512;

const EMPTY = "" as ByteString;

/** The fields as they stand in the block. */
export interface RawHeader {
  readonly name: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  /** One character. */
  readonly typeFlag: string;
  readonly linkName: ByteString;
  readonly major: number;
  readonly minor: number;
}

/** Whether the block is all zeros: two of them end an archive. */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let at = 0; at < BLOCK; at++) if (block[at] !== 0) return false;
  return true;
}

/** Reads a header whose checksum is right. @throws {BadHeader} */
export function readHeader(block: Buffer): RawHeader {
  checkSum(block);
  const magic = block.toString("latin1", 257, 265);
  const isPosix = magic.startsWith("ustar\0");
  const prefix = isPosix && block[345] !== 0 ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const size = readNumber(block, 124, 12);
  if (size < 0) throw new BadHeader("a size is negative");
  const hasDevice = isPosix || magic === "ustar  \0";
  return {
    name: (prefix === "" ? name : `${prefix}/${name}`) as ByteString,
    mode: readNumber(block, 100, 8),
    uid: readNumber(block, 108, 8),
    gid: readNumber(block, 116, 8),
    size,
    mtime: readNumber(block, 136, 12),
    typeFlag: String.fromCharCode(block[156] ?? 0),
    linkName: block[157] === 0 ? EMPTY : text(block, 157, 100),
    major: hasDevice ? readNumber(block, 329, 8) : 0,
    minor: hasDevice ? readNumber(block, 337, 8) : 0,
  };
}

/** The sum of all bytes, the sum's own field taken as spaces. Some old tools added signed bytes. */
function checkSum(block: Buffer): void {
  let unsigned = 8 * 0x20;
  for (let at = 0; at < 148; at++) unsigned += block[at] ?? 0;
  for (let at = 156; at < BLOCK; at++) unsigned += block[at] ?? 0;
  const stored = readNumber(block, 148, 8);
  if (stored === unsigned) return;
  let high = 0;
  for (let at = 0; at < BLOCK; at++) if ((at < 148 || at >= 156) && (block[at] ?? 0) >= 0x80) high++;
  if (stored !== unsigned - high * 256) throw new BadHeader("a header's checksum is wrong");
}

function text(block: Buffer, start: number, length: number): ByteString {
  const end = block.indexOf(0, start);
  return byteStringOf(block, start, end < 0 || end > start + length ? start + length : end);
}

const TYPES = new Map<string, EntryType>([
  ["0", "file"],
  ["\0", "file"],
  ["7", "file"],
  ["S", "file"],
  ["1", "hardlink"],
  ["2", "symlink"],
  ["3", "character"],
  ["4", "block"],
  ["5", "directory"],
  ["6", "fifo"],
]);

/** What the member is. v7 had no directories: there a name that ends with a slash is one. @throws {BadHeader} */
export function entryType(typeFlag: string, name: ByteString): EntryType {
  if (typeFlag === "\0" && name.endsWith("/")) return "directory";
  const type = TYPES.get(typeFlag);
  if (type === undefined)
    throw new BadHeader(`members of type ${JSON.stringify(typeFlag)} cannot be unpacked`);
  return type;
}
