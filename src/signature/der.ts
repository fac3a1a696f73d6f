/** What certificates and time stamps are written in. Source: X.690, 8.1 and 10.1: lengths are definite. */

/** A value with its tag. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

/** The elements that stand one after the other in `bytes`; none where there are no bytes. @throws {RangeError} they do not end with one */
export function elementsOf(bytes: Uint8Array = new Uint8Array()): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const begin = at;
    const tag = bytes[at] ?? 0;
    let length = bytes[at + 1] ?? 0;
    at += 2;
    if (length >= 0x80) {
      const digits = length - 0x80;
      if (digits === 0 || digits > 3) throw new RangeError("an element has no length, or is too long");
      length = 0;
      for (const byte of bytes.subarray(at, at + digits)) length = length * 256 + byte;
      at += digits;
    }
    if (at + length > bytes.length) throw new RangeError("an element ends beyond its parent");
    elements.push({
      tag,
      content: bytes.subarray(at, at + length),
      whole: bytes.subarray(begin, at + length),
    });
    at += length;
  }
  return elements;
}

/** An element of `contents`, one after the other. */
export function encodeElement(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const size = content.length;
  const digits = size < 0x80 ? 0 : size < 0x100 ? 1 : size < 0x10000 ? 2 : 3;
  const head = digits === 0 ? [size] : [0x80 + digits, ...encodeNumber(size, digits)];
  return Buffer.concat([Uint8Array.of(tag, ...head), content]);
}

/** In so many bytes, the most significant first. */
export function encodeNumber(value: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => Math.floor(value / 256 ** (length - 1 - index)) % 256);
}
