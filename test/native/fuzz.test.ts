/**
 * native/init.c against hostile plans and hostile answers, under sanitizers; see init-fuzz.c. No system call of a plan
 * is made: their place is taken by a function that answers what it likes.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
const CASES = Number(process.env["TEU_FUZZ_CASES"] ?? 50_000);
/** Cases that every run repeats, beside the ones that only this run meets. */
const FIXED = 1;

const folder = mkdtempSync(join(tmpdir(), "teu-fuzz-"));
const program = join(folder, "init-fuzz");
const flags = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", ...SANITIZERS];

function compilerHasSanitizers(): boolean {
  const words = ["cc", ...SANITIZERS, "-x", "c", "-o", join(folder, "empty"), "-"];
  return Bun.spawnSync(words, { stdin: Buffer.from("int main(void) { return 0; }") }).success;
}

const able = compilerHasSanitizers();
if (!able) console.log("skip: the C compiler has no sanitizers (package libgcc-*-dev or libclang-rt-*-dev)");

beforeAll(() => {
  if (!able) return;
  const built = Bun.spawnSync(["cc", ...flags, "-o", program, join(import.meta.dir, "init-fuzz.c")]);
  if (!built.success) throw new Error(`Cannot build init-fuzz.c: ${built.stderr}`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function fuzz(first: number, count: number): Record<string, number> {
  const run = Bun.spawnSync([program, String(first), String(count)], { env: {} });
  if (run.exitCode !== 0 || run.signalCode !== undefined)
    throw new Error(`init-fuzz ${first} ${count} ended badly:\n${run.stderr}`);
  return JSON.parse(run.stdout.toString());
}

test.skipIf(!able)("init.c stays within its plan, whatever plan and parent say", () => {
  const now = Math.floor(Date.now() / 1000);
  for (const first of [FIXED, now]) {
    const counts = fuzz(first, CASES);
    // The cases are worth something only if many get past the checks: records run, answers and segments are read.
    expect(counts["ran"]).toBeGreaterThan(CASES / 2);
    expect(counts["answers"]).toBeGreaterThan(CASES / 10);
    expect(counts["segments"]).toBeGreaterThan(CASES / 100);
  }
});
