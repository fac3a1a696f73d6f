/** What is quoted of CRIU's log. */
import { expect, test } from "bun:test";
import { lastErrors } from "./log-excerpt.ts";

test("lastErrors() takes the last three errors, without times and pids, and no other lines", () => {
  const log = [
    "(00.000001) Version: 3.17.1",
    "(00.01) Error (criu/a.c:1): first",
    "(00.02) Warn  (criu/a.c:2): an Error of no kind",
    "(00.03)      12: Error (criu/b.c:2): second",
    "(00.04) Error (criu/c.c:3): third",
    "(00.05) Error (criu/d.c:4): fourth",
    "",
  ].join("\n");
  expect(lastErrors(log)).toEqual([
    "Error (criu/b.c:2): second",
    "Error (criu/c.c:3): third",
    "Error (criu/d.c:4): fourth",
  ]);
});

test("lastErrors() passes on no control characters of names in the container, and no line without end", () => {
  const [line = ""] = lastErrors(`(0.1) Error (criu/a.c:1): path=/tmp/\u001b[31m${"x".repeat(5000)}\n`);
  expect(line).toStartWith("Error (criu/a.c:1): path=/tmp/?[31mxxx");
  expect(line).toHaveLength(400);
});
