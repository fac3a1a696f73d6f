/** Reading what clients send. */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { Refusal } from "./refusal.ts";

const TURN_BYTES = 1 << 20;

/**
 * The body's chunks. The client sends on when the consumer asks for more. A fast client would otherwise hold the event
 * loop for as long as it sends: after each MiB the others get their turn.
 */
export async function* chunksOf(request: Request): AsyncGenerator<Uint8Array, void, void> {
  if (request.body === null) return;
  let sinceTurn = 0;
  try {
    for await (const chunk of request.body as ReadableStream<Uint8Array>) {
      yield chunk;
      sinceTurn += chunk.byteLength;
      if (sinceTurn < TURN_BYTES) continue;
      sinceTurn = 0;
      await yieldToOthers();
    }
  } catch (error) {
    // Only the body fails in here: what the consumer throws does not pass through a generator.
    throw new Refusal("SIZE_INVALID", { message: "the body broke off before its end", cause: error });
  }
}

/** The length that a request announces, if it does. @throws {Refusal} SIZE_INVALID */
export function announcedLength(request: Request): number | undefined {
  const text = request.headers.get("content-length");
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new Refusal("SIZE_INVALID", { detail: { contentLength: text } });
  return Number(text);
}

/** Reads a body that must fit into `maxBytes`. @throws {Refusal} `tooLarge` */
export async function readBody(
  request: Request,
  maxBytes: number,
  tooLarge: () => Refusal,
): Promise<Uint8Array> {
  if ((announcedLength(request) ?? 0) > maxBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(request)) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
