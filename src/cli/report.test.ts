import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { openSync } from "node:fs";
import { stateRoot, TeuError } from "../base/index.ts";
import { SystemCallFailed } from "../sys/index.ts";
import { firstOf, inWords, statusOf } from "./report.ts";

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

// A full disk, of which the lease hears too that ends with the scope: "teu: " was all that was said.
test("firstOf() finds what went wrong before the end of a scope did", () => {
  const failing = { [Symbol.dispose]: () => void JSON.parse("{") };
  const error = caught(() => {
    using _ = failing;
    throw failure("first");
  });
  expect(firstOf(error)).toMatchObject({ code: "first" });
});

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

// "ENOENT: no such file or directory, open '/no/such'" and "database or disk is full", and nothing else.
test("inWords() says what the system and SQLite say in our words", () => {
  expect(inWords(caught(() => openSync("/no/such", "r")))).toEqual({
    message: 'open "/no/such": no such file or directory',
  });
  const database = new Database(":memory:");
  database.run("PRAGMA max_page_count = 1");
  expect(inWords(caught(() => database.run("CREATE TABLE t (a)")))).toEqual({
    message: `Cannot use the store's records below ${JSON.stringify(stateRoot(process.env))}: database or disk is full`,
    hint: "Free some space, or choose another place with TEU_ROOT",
  });
  const full = new SystemCallFailed("write", 28, "/there/audit.log");
  expect(inWords(full)).toEqual({
    message: 'write "/there/audit.log": no space left on device',
    hint: "Free some space, or choose another place with TEU_ROOT",
  });
  expect(inWords("text")).toEqual({ message: "text" });
  expect(inWords(new RangeError("no"))).toEqual({ message: "no" });
});
