import { expect, test } from "bun:test";
import { DetachKeys } from "./detach-keys.ts";

const P = 0x10;
const Q = 0x11;
const cases: { says: string; keys?: number[]; pieces: number[][]; passed: number[][]; left: boolean }[] = [
  { says: "both at once", pieces: [[P, Q]], passed: [[]], left: true },
  { says: "one after the other", pieces: [[P], [Q]], passed: [[], []], left: true },
  // What was typed before them came too late, or never.
  {
    says: "what is before them in the same piece is passed",
    pieces: [[97, 10, P, Q]],
    passed: [[97, 10]],
    left: true,
  },
  // The shell got the first key, and showed the command of before to who came back.
  {
    says: "the first is held, and passed when another follows",
    pieces: [[P], [97]],
    passed: [[], [P, 97]],
    left: false,
  },
  { says: "the first twice", pieces: [[P], [P], [Q]], passed: [[], [P], []], left: true },
  { says: "none", keys: [], pieces: [[P, Q]], passed: [[P, Q]], left: false },
  { says: "one", keys: [1], pieces: [[97, 1]], passed: [[97]], left: true },
];
test.each(cases)("DetachKeys.read(): $says", ({ keys = [P, Q], pieces, passed, left }) => {
  const reader = new DetachKeys(keys);
  const read = pieces.map((piece) => reader.read(Uint8Array.from(piece)));
  expect(read.map(({ bytes }) => [...bytes])).toEqual(passed);
  expect(read.at(-1)?.isDetached).toBe(left);
});
