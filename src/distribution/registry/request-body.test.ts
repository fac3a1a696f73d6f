import { expect, test } from "bun:test";
import { chunksOf, discardChunk } from "./request-body.ts";

/** A body of many small chunks that are there at once. */
function requestOf(chunks: number): Request {
  let left = chunks;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(8));
      left -= 1;
      if (left === 0) controller.close();
    },
  });
  return new Request("http://registry.example/", { method: "PUT", body });
}

test("chunksOf() gives others their turn, however much there is to read", async () => {
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const read = async (): Promise<number> => {
    let chunks = 0;
    for await (const _chunk of chunksOf(requestOf(20))) {
      Bun.sleepSync(1);
      chunks += 1;
    }
    return chunks;
  };
  expect(await Promise.all([read(), read()])).toEqual([20, 20]);
  isDone = true;
  // 40 ms of work, 3 ms of it in a turn.
  expect(turns).toBeGreaterThan(5);
});

test("chunksOf() lets many bodies end, though few chunks may wait", async () => {
  const read = async (): Promise<number> => {
    let bytes = 0;
    for await (const chunk of chunksOf(requestOf(4))) {
      Bun.sleepSync(0.2);
      bytes += chunk.byteLength;
    }
    return bytes;
  };
  expect(await Promise.all(Array.from({ length: 40 }, read))).toEqual(Array.from({ length: 40 }, () => 32));
});

test("discardChunk() gives memory back, but for memory that others may see", () => {
  const whole = new Uint8Array(1024);
  const part = new Uint8Array(new ArrayBuffer(1024), 0, 512);
  discardChunk(whole);
  discardChunk(part);
  expect([whole.byteLength, part.byteLength]).toEqual([0, 512]);
});
