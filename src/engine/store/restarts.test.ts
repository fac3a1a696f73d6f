import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { restartsDue } from "./restarts.ts";

// Whoever waited was killed, and then the clock was set back: nobody started the container for hours.
test.each([
  ["is due in a while", 1_000_300, []],
  ["has just been due", 999_500, []],
  ["was due long ago", 900_000, ["c"]],
  ["is due later than it can be", 1_000_000 + 3 * 3_600_000, ["c"]],
])("restartsDue() of what %s", (_, dueAt, want) => {
  using database = new Database(":memory:");
  database.run("CREATE TABLE restarts (container, due_at, started_at, attempts, delay_ms, was_stopped)");
  database.query("INSERT INTO restarts VALUES ('c', ?1, 0, 1, 400, 0)").run(dueAt);
  expect(restartsDue(database, 1_000_000, 2000).map(({ container }) => container)).toEqual(want);
});
