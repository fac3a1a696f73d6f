import { expect, test } from "bun:test";
import type { IDMapping } from "../../spec/index.ts";
import { filled, firstFree } from "./choose.ts";

const range = (first: number, size: number) => ({ first, size });

test.each([
  { ranges: [range(100, 10)], taken: [], size: 10, want: 100 },
  { ranges: [range(100, 10)], taken: [range(100, 4)], size: 6, want: 104 },
  { ranges: [range(100, 10)], taken: [range(106, 4)], size: 6, want: 100 },
  { ranges: [range(100, 10)], taken: [range(102, 2), range(108, 2)], size: 4, want: 104 },
  { ranges: [range(100, 10), range(300, 5)], taken: [range(95, 10)], size: 5, want: 105 },
  { ranges: [range(100, 10), range(300, 6)], taken: [range(95, 10)], size: 6, want: 300 },
  // Others' maps may lie anywhere, and over one another.
  { ranges: [range(100, 10)], taken: [range(90, 13), range(101, 4), range(109, 50)], size: 4, want: 105 },
  { ranges: [range(100, 10)], taken: [range(90, 13), range(101, 4)], size: 6, want: { free: 5, given: 5 } },
  { ranges: [range(100, 10)], taken: [range(0, 1000)], size: 1, want: { free: 0, given: 10 } },
])("firstFree() of $ranges without $taken", ({ ranges, taken, size, want }) => {
  const found = firstFree(ranges, taken, size);
  if (typeof want === "number") expect(found).toBe(want);
  else expect(found).toEqual(want);
});

const map = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });

const FILLED: readonly { asked: readonly IDMapping[]; want: readonly IDMapping[] }[] = [
  { asked: [], want: [map(0, 500, 10)] },
  { asked: [map(0, 7, 1)], want: [map(0, 7, 1), map(1, 501, 9)] },
  {
    asked: [map(8, 7, 1), map(4, 9, 2)],
    want: [map(0, 500, 4), map(4, 9, 2), map(6, 506, 2), map(8, 7, 1), map(9, 509, 1)],
  },
  { asked: [map(10, 7, 1)], want: [map(0, 500, 10), map(10, 7, 1)] },
  { asked: [map(0, 7, 20)], want: [map(0, 7, 20)] },
];
test.each(FILLED)("filled() leaves $asked as they are", ({ asked, want }) => {
  expect(filled(500, 10, asked)).toEqual([...want]);
});
