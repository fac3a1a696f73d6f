/**
 * Names as tar and the kernel have them: bytes, in any encoding or none. A ByteString holds one byte per character
 * (code points 0 to 255), so that names compare, split and serve as keys like strings and yet lose nothing.
 */
import type { Brand } from "../base/index.ts";

/** Bytes, one per character. */
export type ByteString = Brand<string, "ByteString">;

/** The UTF-8 bytes of `text`. */
export function byteString(text: string): ByteString {
  // Most names are ASCII, whose UTF-8 bytes are its characters.
  return (/^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")) as ByteString;
}

/** `bytes` from `start` to before `end`. */
export function byteStringOf(bytes: Buffer, start = 0, end = bytes.length): ByteString {
  return bytes.toString("latin1", start, end) as ByteString;
}

/** The bytes of `name`. */
export function bytesOf(name: ByteString): Buffer {
  return Buffer.from(name, "latin1");
}

/** `name` for people: decoded as UTF-8. Escaping control characters is left to whoever prints it. */
export function decodeName(name: ByteString): string {
  return bytesOf(name).toString("utf8");
}
