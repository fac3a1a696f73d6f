import { expect, test } from "bun:test";
import { forEachAtOnce } from "./transfer.ts";

test("forEachAtOnce() does everything, three at once", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachAtOnce([1, 2, 3, 4, 5, 6, 7], undefined, async (item) => {
    most = Math.max(most, ++running);
    await Bun.sleep(1);
    running--;
    done.push(item);
  });
  expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
});

test("forEachAtOnce() throws the first failure, after the others were told to stop", async () => {
  const begun: number[] = [];
  const stopped: number[] = [];
  const work = forEachAtOnce([1, 2, 3, 4], undefined, async (item, signal) => {
    begun.push(item);
    if (item === 2) throw new Error("second");
    await new Promise<void>((_, reject) =>
      signal.addEventListener("abort", () => {
        stopped.push(item);
        reject(signal.reason);
      }),
    );
  });
  expect(work).rejects.toThrow("second");
  await work.catch(() => undefined);
  expect(begun).toEqual([1, 2, 3]);
  expect(stopped).toEqual([1, 3]);
});

test("forEachAtOnce() stops when the caller does", async () => {
  const caller = new AbortController();
  const work = forEachAtOnce([1, 2, 3, 4, 5], caller.signal, async (item, signal) => {
    if (item === 1) caller.abort(new Error("enough"));
    signal.throwIfAborted();
  });
  expect(work).rejects.toThrow("enough");
});
