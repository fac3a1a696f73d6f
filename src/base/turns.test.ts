import { expect, test } from "bun:test";
import { Turns } from "./turns.ts";

test("Turns.take() lets one go on at a time, in order, also after one who failed or did not wait", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = turns.take(async () => {
    seen.push("first");
    await gate.promise;
    seen.push("first ends");
    throw new Error("it failed");
  });
  const leaving = new AbortController();
  const left = turns.take(async () => void seen.push("left"), leaving.signal);
  const last = turns.take(async () => {
    seen.push("last");
    return 3;
  });
  leaving.abort(new Error("no time"));
  expect(await left.catch(String)).toBe("Error: no time");
  expect(seen).toEqual(["first"]);
  gate.resolve();
  expect(await first.catch(String)).toBe("Error: it failed");
  expect(await last).toBe(3);
  expect(seen).toEqual(["first", "first ends", "last"]);
});
