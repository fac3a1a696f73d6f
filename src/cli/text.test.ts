import { expect, test } from "bun:test";
import { count, encodeAge, encodeDuration, encodeSize, encodeTable, printable, shortDigest } from "./text.ts";

test("encodeTable() aligns columns and leaves no blanks at the end", () => {
  expect(
    encodeTable(
      ["NAME", "ID", "X"],
      [
        ["a-long-name", "1", ""],
        ["b", "22", "x"],
      ],
    ),
  ).toBe("NAME          ID        X\na-long-name   1\nb             22        x\n");
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1 kB"],
  [4_096, "4.1 kB"],
  [9_949, "9.95 kB"],
  [10_280, "10.3 kB"],
  [999_600, "1 MB"],
  [123_456_789, "123 MB"],
  [1_500_000_000_000_000, "1500 TB"],
])("encodeSize() shows %d as %s", (bytes, text) => {
  expect(encodeSize(bytes)).toBe(text);
});

test.each([
  [0.04, "0.0 ms"],
  [3.04, "3.0 ms"],
  [999, "999.0 ms"],
  [1234, "1.23 s"],
])("encodeDuration() shows %d as %s", (milliseconds, text) => {
  expect(encodeDuration(milliseconds)).toBe(text);
});

test.each([
  [0, "Less than a second ago"],
  [1000, "1 second ago"],
  [59_000, "59 seconds ago"],
  [90_000, "About a minute ago"],
  [40 * 60_000, "40 minutes ago"],
  [3_600_000, "About an hour ago"],
  [7_200_000, "2 hours ago"],
  [86_400_000 * 3, "3 days ago"],
  [86_400_000 * 20, "2 weeks ago"],
  [86_400_000 * 400, "13 months ago"],
  [86_400_000 * 800, "2 years ago"],
])("encodeAge() shows %d ms as %s", (age, text) => {
  expect(encodeAge(1_000_000, 1_000_000 + age)).toBe(text);
});

test("shortDigest() keeps the algorithm", () => {
  expect(shortDigest("sha256:0123456789abcdef0123")).toBe("sha256:0123456789ab…");
});

test("count() knows one from many", () => {
  expect([count(0, "layer"), count(1, "layer"), count(2, "entry", "entries")]).toEqual([
    "0 layers",
    "1 layer",
    "2 entries",
  ]);
});

test("printable() lets no control character through", () => {
  expect(printable("a\n  b\u001b[31m\u009b0m\tc")).toBe("a b [31m 0m c");
  expect(printable("#(nop)  CMD")).toBe("#(nop)  CMD");
});
