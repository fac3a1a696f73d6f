import { expect, test } from "bun:test";
import { closest } from "./closest.ts";

const WORDS = ["run", "rm", "rmi", "restart", "start", "stop", "stats", "images", "image", "ps"];

test.each([
  ["rnu", "run"],
  ["imges", "images"],
  ["restrat", "restart"],
  ["stpo", "stop"],
  ["sp", "ps"],
  ["build", undefined],
  ["x", undefined],
  ["", undefined],
])("closest(%j) is %j", (typed, want) => {
  expect(closest(typed, WORDS)).toBe(want as never);
});
