import { expect, test } from "bun:test";
import { digestOf } from "../../../spec/index.ts";
import { Pins } from "./pins.ts";

const digest = digestOf("content");

test("Pins: what somebody holds is not condemned", () => {
  const pins = new Pins();
  const first = pins.hold(digest);
  const second = pins.hold(digest);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(pins.condemn(digest)).toBe(false);
  second[Symbol.dispose]();
  expect(pins.condemn(digest)).toBe(true);
  expect(pins.execute(digest)).toBe(true);
});

test("Pins: whoever holds what is condemned saves it, also when he lets go at once", () => {
  const pins = new Pins();
  expect(pins.condemn(digest)).toBe(true);
  pins.hold(digest)[Symbol.dispose]();
  expect(pins.execute(digest)).toBe(false);
});
