import { expect, test } from "bun:test";
import { putWord, wordAt } from "./words.ts";

test.each([
  0,
  1,
  -1,
  0x7fff_ffff,
  0x8000_0000,
  -0x8000_0000,
  0xffff_ffff,
  0x1_0000_0000,
  -0x1_0000_0001,
  2 ** 47 - 1,
  2 ** 53 - 1,
  1 - 2 ** 53,
])("putWord() writes %d as the kernel reads it, and wordAt() reads it again", (value) => {
  const view = new DataView(new ArrayBuffer(16));
  putWord(view, 8, value);
  expect(view.getBigInt64(8, true)).toBe(BigInt(value));
  expect(view.getBigInt64(0, true)).toBe(0n);
  expect(wordAt(view, 8)).toBe(value);
});
