/** Reading what clients send. */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { Refusal } from "./refusal.ts";

/**
 * Bodies may take so much of one turn of the event loop, all together: thirty uploads that each took their share would hold up
 * everybody else for as long as thirty shares last.
 */
const TURN_MS = 3;

/** So many chunks wait; the others are taken however late it is, since more of them would cost more memory than time. */
const MAX_WAITING = 4;

let spentMs = 0;
let waiting = 0;
let nextTurn: Promise<void> | undefined;

/** Begins the next turn's account when that turn comes. */
function turnOver(): Promise<void> {
  nextTurn ??= yieldToOthers().then(() => {
    spentMs = 0;
    nextTurn = undefined;
  });
  return nextTurn;
}

async function wait(): Promise<void> {
  waiting += 1;
  try {
    while (spentMs >= TURN_MS) await turnOver();
  } finally {
    waiting -= 1;
  }
}

/**
 * The body's chunks. What the consumer does with one counts as work on bodies: when that was enough for this turn of the event loop,
 * some next chunks wait for another. The others are taken as soon as they are there: what nobody takes grows to 1 MiB and more of each
 * upload, since only then Bun stops to read from the socket.
 */
export async function* chunksOf(request: Request): AsyncGenerator<Uint8Array, void, void> {
  if (request.body === null) return;
  try {
    for await (const chunk of request.body as ReadableStream<Uint8Array>) {
      if (spentMs >= TURN_MS && waiting < MAX_WAITING) await wait();
      const begin = performance.now();
      yield chunk;
      spentMs += performance.now() - begin;
      void turnOver();
    }
  } catch (error) {
    // Only the body fails in here: what the consumer throws does not pass through a generator.
    throw new Refusal("SIZE_INVALID", { message: "the body broke off before its end", cause: error });
  }
}

/**
 * Gives back the memory of a chunk that nobody looks at any more. The collector would only find it much later: it sees an object of
 * a few bytes.
 */
export function discardChunk({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
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
