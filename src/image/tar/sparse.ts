/**
 * Maps of sparse files: which parts of a file are stored, the rest being holes. Three forms of GNU tar's.
 * A map is data from outside: it may claim anything, so it is bounded and checked before the first byte is written
 * (CVE-2025-58183, CVE-2026-32288). Source: GNU tar manual, sparse formats.
 */
import { BadHeader } from "./entry.ts";
import { readNumber } from "./number.ts";

/** A stored part: where in the file it belongs. */
export interface Fragment {
  readonly offset: number;
  readonly length: number;
}

/** No map may have more parts; GNU tar's own maps of real files have a few thousand. */
export const MAX_FRAGMENTS = 65_536;

/** Checks that the parts lie in order within `realSize` and that `stored` bytes fill them. @throws {BadHeader} */
export function checkFragments(fragments: readonly Fragment[], realSize: number, stored: number): void {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of fragments) {
    const isWhole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
    if (!isWhole || offset < end || length < 0 || offset + length > realSize)
      throw new BadHeader("the parts of a sparse file overlap or lie outside it");
    end = offset + length;
    sum += length;
  }
  if (sum !== stored)
    throw new BadHeader(`the parts of a sparse file have ${sum} bytes, ${stored} are stored`);
}

/** Reads up to `count` pairs of 12-byte numbers; a pair that begins with NUL ends the list. Old GNU format. */
export function readFragments(block: Uint8Array, start: number, count: number, into: Fragment[]): void {
  for (let index = 0; index < count; index++) {
    const at = start + index * 24;
    if (block[at] === 0) return;
    if (into.length >= MAX_FRAGMENTS) throw new BadHeader("a sparse file has too many parts");
    into.push({ offset: readNumber(block, at, 12), length: readNumber(block, at + 12, 12) });
  }
}

/** What PAX records say about a sparse file (formats 0.0, 0.1 and 1.0). */
export interface SparseRecords {
  readonly name: string | undefined;
  readonly realSize: number;
  /** Undefined in format 1.0: there the map stands before the content. */
  readonly fragments: readonly Fragment[] | undefined;
}

/** Reads `GNU.sparse.*`; undefined if they make no sparse file. @throws {BadHeader} */
export function readSparseRecords(
  records: readonly (readonly [string, string])[],
): SparseRecords | undefined {
  if (records.length === 0) return undefined;
  const fields = new Map(records);
  const major = fields.get("major") ?? "0";
  const realSize = decimal(fields.get("realsize") ?? fields.get("size") ?? "");
  const name = fields.get("name");
  if (major === "1" && fields.get("minor") === "0") return { name, realSize, fragments: undefined };
  if (major !== "0") throw new BadHeader("a sparse file is of an unknown format");
  const map = fields.get("map");
  const numbers =
    map === undefined
      ? records.filter(([key]) => key === "offset" || key === "numbytes").map(([, value]) => value)
      : map === ""
        ? []
        : map.split(",");
  if (numbers.length % 2 !== 0 || numbers.length / 2 !== decimal(fields.get("numblocks") ?? ""))
    throw new BadHeader("a sparse file's map does not hold what it counts");
  return { name, realSize, fragments: pairs(numbers.map(decimal)) };
}

/** How many lines the map before the content has in format 1.0: a count, then two numbers for each part. */
export function leadingMapLines(text: string): number {
  const count = decimal(text.slice(0, text.indexOf("\n")));
  if (count > MAX_FRAGMENTS) throw new BadHeader("a sparse file has too many parts");
  return 1 + count * 2;
}

/** Reads that map, all `lines` of which are here: `count\noffset\nlength\n…`. */
export function readLeadingMap(text: string, lines: number): readonly Fragment[] {
  return pairs(text.split("\n", lines).slice(1).map(decimal));
}

function pairs(numbers: readonly number[]): Fragment[] {
  const fragments: Fragment[] = [];
  for (let at = 0; at + 1 < numbers.length; at += 2)
    fragments.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 });
  if (fragments.length > MAX_FRAGMENTS) throw new BadHeader("a sparse file has too many parts");
  return fragments;
}

function decimal(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new BadHeader("a sparse file's map holds what is not a number");
  return value;
}
