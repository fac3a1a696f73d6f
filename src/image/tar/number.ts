/** Numbers in tar headers: octal text, and base-256 where octal is too short. Source: POSIX ustar; GNU tar, extensions. */
import { BadHeader } from "./entry.ts";

const SPACE = 0x20;
const ZERO = 0x30;

/** The number in `length` bytes at `start`; nothing but spaces and NULs is 0. @throws {BadHeader} */
export function readNumber(block: Uint8Array, start: number, length: number): number {
  const first = block[start] ?? 0;
  if (first >= 0x80) return readBase256(block, start, length);
  let at = start;
  const end = start + length;
  while (at < end && block[at] === SPACE) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = (block[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; at < end; at++)
    if (block[at] !== 0 && block[at] !== SPACE) throw new BadHeader("a number is neither octal nor base-256");
  return value;
}

/** Two's complement, big end first, the highest bit of the first byte being the mark. */
function readBase256(block: Uint8Array, start: number, length: number): number {
  const first = block[start] ?? 0;
  const isNegative = (first & 0x40) !== 0;
  let value = isNegative ? (first & 0x7f) - 0x80 : first & 0x7f;
  for (let at = start + 1; at < start + length; at++) {
    value = value * 256 + (block[at] ?? 0);
    if (!Number.isSafeInteger(value)) throw new BadHeader("a base-256 number is too large");
  }
  return value;
}

/** Writes `value` as octal with a closing NUL. @returns false, leaving zeros, when it needs more room */
export function writeOctal(block: Buffer, start: number, length: number, value: number): boolean {
  const text = value.toString(8);
  const fits = Number.isInteger(value) && value >= 0 && text.length < length;
  block.write(`${(fits ? text : "").padStart(length - 1, "0")}\0`, start, "latin1");
  return fits;
}
