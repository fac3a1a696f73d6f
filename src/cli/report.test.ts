import { expect, test } from "bun:test";
import { TeuError } from "../base/index.ts";
import { statusOf } from "./report.ts";

const failure = (code: string) => new TeuError(code, "not-found", {}, code);

test.each([
  ["program-not-found", 127],
  ["program-not-executable", 126],
  ["manifest-not-found", 125],
])("statusOf() lets run tell of %s as %d", (code, status) => {
  expect(statusOf(failure(code), "run")).toBe(status);
  expect(statusOf(failure(code), "pull")).toBe(1);
});

test("statusOf() tells of a signal as shells do", () => {
  const interrupted = new TeuError("interrupted", "cancelled", { status: 130 }, "Interrupted");
  expect(statusOf(interrupted, "run")).toBe(130);
  expect(statusOf(interrupted, "pull")).toBe(130);
});

test("statusOf() takes what nobody foresaw for a failure of run itself", () => {
  expect(statusOf(new RangeError("no"), "run")).toBe(125);
});
