import { expect, test } from "bun:test";
import { parseNumberList } from "./number-list.ts";

/** The members of a mask. */
function members(mask: Uint8Array | undefined): number[] | undefined {
  if (mask === undefined) return undefined;
  return Array.from({ length: mask.length * 8 }, (_, bit) => bit).filter(
    (bit) => ((mask[bit >> 3] ?? 0) >> (bit & 7)) & 1,
  );
}

const lists: readonly { says: string; text: string; want: number[] }[] = [
  { says: "nothing", text: "", want: [] },
  { says: "blanks", text: " ", want: [] },
  { says: "one number", text: "3", want: [3] },
  { says: "a range and a number", text: "0-3,7", want: [0, 1, 2, 3, 7] },
  { says: "overlapping ranges", text: "1-3,2-4", want: [1, 2, 3, 4] },
  { says: "the last bit", text: "15", want: [15] },
  { says: "blanks between", text: "1, 2", want: [1, 2] },
];
test.each([...lists])("parseNumberList() reads $says", ({ text, want }) => {
  expect(members(parseNumberList(text, 16))).toEqual(want);
});

test.each([
  "x",
  "1-",
  "-1",
  "3-1",
  "1,,2",
  "16",
  "0-16",
  "0x1",
  "1.5",
  "99999999999999999999",
  "0-99999999999",
])("parseNumberList() refuses %j", (text) => {
  expect(parseNumberList(text, 16)).toBeUndefined();
});
