/**
 * PAX extended headers: records `length key=value\n` that override a member's header.
 * Source: POSIX pax, extended header; star's SCHILY.xattr, libarchive's LIBARCHIVE.xattr.
 */
import { type ByteString, byteStringOf } from "../byte-string.ts";
import { BadHeader, type Time } from "./entry.ts";

/** Records in order; GNU sparse 0.0 repeats keys, so this is no map. Values are bytes. */
export type PaxRecords = readonly (readonly [key: string, value: Buffer])[];

const NEWLINE = 0x0a;
const EQUALS = 0x3d;

/** Parses the body of an extended header. @throws {BadHeader} */
export function parsePax(body: Buffer): PaxRecords {
  const records: [string, Buffer][] = [];
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 || space - at > 8 ? "" : body.toString("latin1", at, space);
    const end = at + Number(/^[1-9]\d*$/.test(digits) ? digits : 0);
    const equals = body.indexOf(EQUALS, space);
    const isWhole = end <= body.length && equals > space + 1 && equals < end && body[end - 1] === NEWLINE;
    if (digits === "" || !isWhole) throw new BadHeader("an extended header record is malformed");
    records.push([body.toString("utf8", space + 1, equals), body.subarray(equals + 1, end - 1)]);
    at = end;
  }
  return records;
}

/** What extended headers say about one member; what they do not say is undefined. */
export interface PaxFields {
  path?: ByteString | undefined;
  linkpath?: ByteString | undefined;
  size?: number | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
  mtime?: Time | undefined;
  xattrs: Map<ByteString, Uint8Array>;
  /** `GNU.sparse.*` without the prefix, in order. */
  sparse: [key: string, value: string][];
}

const SPARSE = "GNU.sparse.";
const SCHILY = "SCHILY.xattr.";
const LIBARCHIVE = "LIBARCHIVE.xattr.";
const MAX_XATTR_NAME = 255;

/** Reads `records` into `fields`; an empty value takes an override back. @throws {BadHeader} */
export function applyPax(records: PaxRecords, fields: PaxFields): void {
  for (const [key, value] of records) {
    const isBack = value.length === 0;
    if (key === "path") fields.path = isBack ? undefined : nameFrom(value);
    else if (key === "linkpath") fields.linkpath = isBack ? undefined : nameFrom(value);
    else if (key === "size") fields.size = isBack ? undefined : integerFrom(value, key);
    else if (key === "uid") fields.uid = isBack ? undefined : integerFrom(value, key);
    else if (key === "gid") fields.gid = isBack ? undefined : integerFrom(value, key);
    else if (key === "mtime") fields.mtime = isBack ? undefined : timeFrom(value);
    else if (key.startsWith(SPARSE)) fields.sparse.push([key.slice(SPARSE.length), value.toString("latin1")]);
    else if (key.startsWith(SCHILY)) fields.xattrs.set(xattrName(key.slice(SCHILY.length)), value);
    else if (key.startsWith(LIBARCHIVE)) addLibarchive(key.slice(LIBARCHIVE.length), value, fields);
    // The rest (comment, atime, uname, hdrcharset …) changes nothing of what is unpacked.
  }
}

/**
 * Global headers may set times and owners. One that names or sizes every member has no honest use, and Go's reader,
 * which most tools for images are built on, ignores what GNU tar obeys: two tools would see two archives. @throws {BadHeader}
 */
export function requireHarmlessGlobals(records: PaxRecords): void {
  const wrong = records.find(
    ([key]) => key === "path" || key === "linkpath" || key === "size" || key.startsWith(SPARSE),
  );
  if (wrong !== undefined) throw new BadHeader(`a global extended header sets ${JSON.stringify(wrong[0])}`);
}

function nameFrom(value: Buffer): ByteString {
  if (value.includes(0)) throw new BadHeader("a name holds a NUL");
  return byteStringOf(value);
}

function integerFrom(value: Buffer, key: string): number {
  const text = value.toString("latin1");
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number))
    throw new BadHeader(`${key} in an extended header is not a number that fits`);
  return number;
}

function timeFrom(value: Buffer): Time {
  const match = /^(-?)(\d{1,12})(?:\.(\d*))?$/.exec(value.toString("latin1"));
  if (match === null) throw new BadHeader("mtime in an extended header is not a time");
  const [, sign, whole = "0", fraction = ""] = match;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { seconds: Number(whole), nanoseconds };
  // Nanoseconds count forward: -1.25 s is -2 s and 750,000,000 ns.
  const borrow = nanoseconds === 0 ? 0 : 1;
  return { seconds: -Number(whole) - borrow, nanoseconds: borrow * 1_000_000_000 - nanoseconds };
}

function xattrName(text: string): ByteString {
  const name = Buffer.from(text, "utf8");
  if (name.length === 0 || name.length > MAX_XATTR_NAME || name.includes(0))
    throw new BadHeader("the name of an extended attribute is malformed");
  return byteStringOf(name);
}

/** The name percent-encoded, the value in base64; star's form counts where both are there. */
function addLibarchive(key: string, value: Buffer, fields: PaxFields): void {
  let name: ByteString;
  try {
    name = xattrName(decodeURIComponent(key));
  } catch {
    throw new BadHeader("the name of an extended attribute is malformed");
  }
  if (!fields.xattrs.has(name)) fields.xattrs.set(name, Buffer.from(value.toString("latin1"), "base64"));
}

/** The bytes of one record, its length counting itself. */
export function encodePaxRecord(key: string, value: Uint8Array | string): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}
