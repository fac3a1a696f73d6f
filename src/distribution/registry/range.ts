/**
 * The two kinds of range of the protocol: what a pull asks for, and where an upload's chunk belongs.
 * Source: RFC 9110 section 14 (single byte ranges); distribution-spec spec.md, Pushing a blob in chunks.
 */
import { Refusal } from "./refusal.ts";

/** Bytes `start` to `end`, `end` not included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The single range that a `Range` header asks for of `size` bytes. Undefined means the whole: no header, another unit,
 * several ranges, or text that is no range, all of which RFC 9110 lets a server ignore.
 * @throws {Refusal} RANGE_INVALID, status 416: no byte of it exists.
 */
export function parseRange(header: string | null, size: number): ByteRange | undefined {
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/.exec(header ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    if (length === 0) throw unsatisfiable(size);
    return { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) throw unsatisfiable(size);
  if (start >= size) throw unsatisfiable(size);
  return { start, end: last === "" ? size : Math.min(Number(last) + 1, size) };
}

/**
 * Where an upload's chunk begins and how long it is: `Content-Range: 0-99`, without unit, both ends included.
 * @throws {Refusal} RANGE_INVALID The header is there and is no such range.
 */
export function parseContentRange(header: string | null): ByteRange | undefined {
  if (header === null) return undefined;
  // Some clients write the unit and the total that HTTP wants here and this specification does not.
  const [, first, last] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(header) ?? [];
  if (first === undefined || last === undefined || Number(last) < Number(first))
    throw new Refusal("RANGE_INVALID", { detail: { contentRange: header } });
  return { start: Number(first), end: Number(last) + 1 };
}

function unsatisfiable(size: number): Refusal {
  return new Refusal("RANGE_INVALID", {
    message: "no byte of the requested range exists",
    headers: { "content-range": `bytes */${size}` },
  });
}
