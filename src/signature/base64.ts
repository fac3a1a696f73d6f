/** Base64 as documents of signatures have it: with padding, and nothing else between the letters. */

/** The bytes; undefined: `text` is no base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  // What is no base64 decodes to something all the same, and two texts must not mean one signature.
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** The text. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
