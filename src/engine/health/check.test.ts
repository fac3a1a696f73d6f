import { expect, test } from "bun:test";
import type { HealthRecord, HealthResult } from "../store/health.ts";
import { healthAfter } from "./check.ts";

const BEGIN: HealthRecord = { container: "c", status: "starting", failingStreak: 0, log: [] };
const result = (exitStatus: number): HealthResult => ({ start: 0, end: 1, exitStatus, output: "" });

/** What is said after each result: `f` failed, `e` failed early, `o` was well. */
test.each([
  ["o", "healthy:0"],
  ["f", "starting:1"],
  ["fff", "unhealthy:3"],
  ["eeee", "starting:0"],
  ["eeefff", "unhealthy:3"],
  ["offo", "healthy:0"],
  ["offf", "unhealthy:3"],
  ["fffo", "healthy:0"],
  ["offe", "healthy:2"],
])("healthAfter() of %s is %s", (results, want) => {
  let record = BEGIN;
  for (const letter of results)
    record = healthAfter(record, result(letter === "o" ? 0 : 1), { retries: 3, isEarly: letter === "e" });
  expect(`${record.status}:${record.failingStreak}`).toBe(want);
  expect(record.log.length).toBe(Math.min(5, results.length));
});
