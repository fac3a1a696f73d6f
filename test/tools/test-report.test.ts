/** What decides whether `make test` is green reads bun's report rightly. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addOutcomes, NOTHING, readOutcome } from "../../scripts/test-report.ts";

test("readOutcome() counts what a run of bun test did", () => {
  const folder = mkdtempSync(join(tmpdir(), "teu-report-"));
  try {
    writeFileSync(
      join(folder, "sample.test.ts"),
      `import { describe, expect, test } from "bun:test";
       test("good", () => {});
       test.skip("left out", () => {});
       describe("group <x>", () => {
         test("bad > \\"really\\"", () => { expect(1).toBe(2); });
         test.skip("left & out", () => {});
       });`,
    );
    const run = Bun.spawnSync(
      [process.execPath, "test", "--reporter=junit", "--reporter-outfile=report.xml"],
      { cwd: folder, stdout: "ignore", stderr: "ignore" },
    );
    expect(run.exitCode).toBe(1);
    const report = readFileSync(join(folder, "report.xml"), "utf8");
    expect(readOutcome(report)).toEqual({
      passed: 1,
      failed: 1,
      skipped: ["sample.test.ts: left out", "sample.test.ts: group <x> > left & out"],
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("addOutcomes() adds counts and keeps the names of skipped tests in order", () => {
  const one = { passed: 1, failed: 2, skipped: ["a"] };
  expect(addOutcomes(addOutcomes(NOTHING, one), { passed: 3, failed: 0, skipped: ["b"] })).toEqual({
    passed: 4,
    failed: 2,
    skipped: ["a", "b"],
  });
});
