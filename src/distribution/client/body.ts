/** Bodies read whole, with a cap: what a stranger sends is never collected without one. */

/** Reads `body` to its end. @returns undefined if it holds more than `maxBytes`; the rest is then cancelled. */
export async function readCapped(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** Lets go of a body that nobody will read, so that its connection is free again. */
export async function discard(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // The answer has been judged by its status; that its body broke off as well changes nothing.
  }
}
