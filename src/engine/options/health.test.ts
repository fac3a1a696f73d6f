import { describe, expect, test } from "bun:test";
import { parseDuration } from "./duration.ts";
import { healthCheckOf, parseHealth } from "./health.ts";

test.each([
  ["1m30s", 90_000],
  ["500ms", 500],
  ["1.5h", 5_400_000],
  ["0", 0],
])("parseDuration(%s) is %d ms", (text, want) => {
  expect(parseDuration(text, "--x")).toBe(want);
});
test.each(["", "5", "s", "1 m", "-1s", "1x"])("parseDuration(%j) is refused", (text) => {
  expect(() => parseDuration(text, "--x")).toThrow('for "--x": wants a length of time');
});

describe("healthCheckOf()", () => {
  const image = { Test: ["CMD", "/check", "a"], Interval: 2e9, Timeout: 3e9, StartPeriod: 4e9, Retries: 5 };
  const nothing = parseHealth({ isOff: false });

  test("is the image's, with docker's defaults", () => {
    expect(healthCheckOf(image, undefined, nothing)).toEqual({
      command: ["/check", "a"],
      intervalMs: 2000,
      timeoutMs: 3000,
      startPeriodMs: 4000,
      startIntervalMs: 5000,
      retries: 5,
      onFailure: "none",
    });
  });

  test("is what the flags say over it", () => {
    const asked = parseHealth({
      command: "x | y",
      interval: "1s",
      retries: 1,
      onFailure: "kill",
      isOff: false,
    });
    expect(healthCheckOf(image, undefined, asked)).toMatchObject({
      command: ["/bin/sh", "-c", "x | y"],
      intervalMs: 1000,
      timeoutMs: 3000,
      retries: 1,
      onFailure: "kill",
    });
  });

  test.each([
    { test: ["CMD-SHELL", "a", "b"], shell: undefined, want: ["/bin/sh", "-c", "a b"] },
    { test: ["CMD-SHELL", "a"], shell: ["/bash", "-ec"], want: ["/bash", "-ec", "a"] },
    { test: ["NONE"], shell: undefined, want: undefined },
    { test: [], shell: undefined, want: undefined },
  ])("reads $test", ({ test: words, shell, want }) => {
    expect(healthCheckOf({ Test: words }, shell, nothing)?.command).toEqual(want as never);
  });

  test("is none where that was asked for, or nothing was", () => {
    expect(healthCheckOf(image, undefined, parseHealth({ isOff: true }))).toBeUndefined();
    expect(healthCheckOf(image, undefined, parseHealth({ command: "none", isOff: false }))).toBeUndefined();
    expect(healthCheckOf(undefined, undefined, nothing)).toBeUndefined();
  });

  test("takes a JSON list as a program and its arguments", () => {
    const asked = parseHealth({ command: '["/a", "b c"]', isOff: false });
    expect(healthCheckOf(undefined, undefined, asked)?.command).toEqual(["/a", "b c"]);
  });
});

test.each([
  [{ isOff: true, command: "x" }, "--no-healthcheck conflicts with --health-* options"],
  [{ isOff: false, retries: -1 }, "--health-retries cannot be negative"],
  [{ isOff: false, interval: "1us" }, "--health-interval cannot be less than 1ms"],
  [{ isOff: false, onFailure: "x" }, 'invalid action "x" for --health-on-failure'],
])("parseHealth(%p) is refused", (words, says) => {
  expect(() => parseHealth(words)).toThrow(says);
});
