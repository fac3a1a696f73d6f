/** docs/reference/attacks.md: every class has a row, and every row a test of its number where it says. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const page = readFileSync(join(import.meta.dir, "../../docs/reference/attacks.md"), "utf8");
const rows = [...page.matchAll(/^\| (\d+) \|.*\| ([a-z, ]+) \|$/gm)].map(([, number = "", where = ""]) => ({
  number,
  where,
}));

test("the page has all classes, each once", () =>
  expect(rows.map(({ number }) => Number(number))).toEqual(
    Array.from({ length: 29 }, (_, index) => index + 1),
  ));

test.each(rows)("$number is tried in $where", ({ number, where }) => {
  for (const name of where.split(", ")) {
    const text = readFileSync(join(import.meta.dir, `hostile-${name}.test.ts`), "utf8");
    expect(text).toMatch(new RegExp(`"(\\d+, )?${number}(, \\d+)?: `));
  }
});
