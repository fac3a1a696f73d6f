import { expect, test } from "bun:test";
import { mergeEnvironment, parseEnvironment } from "./environment.ts";

test("parseEnvironment() takes a bare name's value from the caller", () => {
  expect(parseEnvironment(["A=1", "B", "C", "D=", "E=x=y"], { B: "2" })).toEqual([
    "A=1",
    "B=2",
    "C",
    "D=",
    "E=x=y",
  ]);
});

test.each(["", "=x"])("parseEnvironment() refuses %j", (option) => {
  expect(() => parseEnvironment([option], {})).toThrow("Invalid environment variable");
});

test("mergeEnvironment() replaces in place, adds at the end, removes what has no value", () => {
  expect(mergeEnvironment(["PATH=/bin", "A=1", "B=2"], ["A=3", "C=4", "B"])).toEqual([
    "PATH=/bin",
    "A=3",
    "C=4",
  ]);
});
