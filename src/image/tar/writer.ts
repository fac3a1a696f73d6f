/**
 * Tar members written so that the same entries give the same bytes: ustar where it suffices, PAX records in a fixed
 * order where it does not. Source: POSIX pax, ustar interchange format and extended header.
 */
import { type ByteString, bytesOf } from "../byte-string.ts";
import type { EntryType, TarEntry } from "./entry.ts";
import { BLOCK } from "./header.ts";
import { writeOctal } from "./number.ts";
import { encodePaxRecord } from "./pax.ts";

const FLAGS: Readonly<Record<EntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** What ends an archive. */
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(2 * BLOCK);

/** The header blocks of `entry`; its content follows, then `padding(entry.size)`. */
export function encodeEntry(entry: TarEntry): Buffer {
  const records: Buffer[] = [];
  const header = encodeHeader(entry, FLAGS[entry.type], records);
  for (const name of [...entry.xattrs.keys()].sort())
    records.push(encodePaxRecord(`SCHILY.xattr.${bytesOf(name).toString()}`, entry.xattrs.get(name) ?? ""));
  if (records.length === 0) return header;
  const body = Buffer.concat(records);
  const extension: TarEntry = {
    ...entry,
    name: extensionName(entry.name),
    size: body.length,
    linkName: "" as ByteString,
  };
  const plain = {
    ...extension,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
  };
  return Buffer.concat([encodeHeader(plain, "x", []), body, padding(body.length), header]);
}

/** The zeros that fill the last block of `size` bytes. */
export function padding(size: number): Buffer {
  return END_OF_ARCHIVE.subarray(0, (BLOCK - (size % BLOCK)) % BLOCK);
}

/** One block; what does not fit is added to `records`. */
function encodeHeader(entry: TarEntry, flag: string, records: Buffer[]): Buffer {
  const block = Buffer.alloc(BLOCK);
  const number = (start: number, length: number, value: number, key: string): void => {
    if (!writeOctal(block, start, length, value)) records.push(encodePaxRecord(key, String(value)));
  };
  writeName(block, entry.name, records);
  number(100, 8, entry.mode, "mode");
  number(108, 8, entry.uid, "uid");
  number(116, 8, entry.gid, "gid");
  number(124, 12, entry.size, "size");
  const { seconds, nanoseconds } = entry.mtime;
  const fits = writeOctal(block, 136, 12, seconds);
  if (!fits || nanoseconds !== 0) records.push(encodePaxRecord("mtime", encodeTime(seconds, nanoseconds)));
  block.write(flag, 156, "latin1");
  if (entry.linkName.length <= 100) block.write(entry.linkName, 157, "latin1");
  else records.push(encodePaxRecord("linkpath", bytesOf(entry.linkName)));
  block.write("ustar\x0000", 257, "latin1");
  number(329, 8, entry.major, "SCHILY.devmajor");
  number(337, 8, entry.minor, "SCHILY.devminor");
  writeSum(block);
  return block;
}

function writeName(block: Buffer, name: ByteString, records: Buffer[]): void {
  if (name.length <= 100) {
    block.write(name, 0, "latin1");
    return;
  }
  // The prefix takes 155 bytes up to a slash that is not the name's last byte.
  const slash = name.lastIndexOf("/", 155);
  const rest = name.slice(slash + 1);
  if (slash > 0 && rest.length > 0 && rest.length <= 100) {
    block.write(name.slice(0, slash), 345, "latin1");
    block.write(rest, 0, "latin1");
    return;
  }
  block.write(name.slice(0, 100), 0, "latin1");
  records.push(encodePaxRecord("path", bytesOf(name)));
}

function writeSum(block: Buffer): void {
  block.fill(" ", 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

/** Decimal seconds; nanoseconds count forward, so -2 s and 750,000,000 ns are -1.25. */
function encodeTime(seconds: number, nanoseconds: number): string {
  const isNegative = seconds < 0 && nanoseconds > 0;
  const whole = isNegative ? seconds + 1 : seconds;
  const fraction = (isNegative ? 1_000_000_000 - nanoseconds : nanoseconds)
    .toString()
    .padStart(9, "0")
    .replace(/0+$/, "");
  const sign = isNegative && whole === 0 ? "-" : "";
  return fraction === "" ? String(whole) : `${sign}${whole}.${fraction}`;
}

function extensionName(name: ByteString): ByteString {
  const base = name.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return `PaxHeaders.0/${base.slice(0, 80)}` as ByteString;
}
