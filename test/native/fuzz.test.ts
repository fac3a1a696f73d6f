/**
 * native/init.c against hostile plans and answers, native/monitor.c against everybody, under sanitizers; see init-fuzz.c and
 * monitor-fuzz.c. No system call is made: their place is taken by a function that answers what it likes.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
const CASES = Number(process.env["TEU_FUZZ_CASES"] ?? 50_000);
/** Cases that every run repeats; by hand there are others that only this run meets. */
const FIXED = 1;
const STARTS = process.env["CI"] === "true" ? [FIXED] : [FIXED, Math.floor(Date.now() / 1000)];

const folder = mkdtempSync(join(tmpdir(), "teu-fuzz-"));
const flags = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", ...SANITIZERS];
const PROGRAMS = ["init-fuzz", "monitor-fuzz"] as const;

function compilerHasSanitizers(): boolean {
  const words = ["cc", ...SANITIZERS, "-x", "c", "-o", join(folder, "empty"), "-"];
  return Bun.spawnSync(words, { stdin: Buffer.from("int main(void) { return 0; }") }).success;
}

const able = compilerHasSanitizers();
if (!able) console.log("skip: the C compiler has no sanitizers (package libgcc-*-dev or libclang-rt-*-dev)");

beforeAll(() => {
  for (const name of able ? PROGRAMS : []) {
    const source = join(import.meta.dir, `${name}.c`);
    const built = Bun.spawnSync(["cc", ...flags, "-o", join(folder, name), source]);
    if (!built.success) throw new Error(`Cannot build ${name}.c: ${built.stderr}`);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function fuzz(name: (typeof PROGRAMS)[number], first: number, count: number): Record<string, number> {
  const run = Bun.spawnSync([join(folder, name), String(first), String(count)], {
    env: { ASAN_OPTIONS: "detect_leaks=0" },
  });
  if (run.exitCode !== 0 || run.signalCode !== undefined)
    throw new Error(`${name} ${first} ${count} ended badly:\n${run.stderr}`);
  return JSON.parse(run.stdout.toString());
}

test.skipIf(!able)("init.c stays within its plan, whatever plan and parent say", () => {
  for (const first of STARTS) {
    const counts = fuzz("init-fuzz", first, CASES);
    // The cases are worth something only if many get past the checks: records run, answers and segments are read.
    expect(counts["ran"]).toBeGreaterThan(CASES / 2);
    expect(counts["answers"]).toBeGreaterThan(CASES / 10);
    expect(counts["segments"]).toBeGreaterThan(CASES / 100);
  }
});

// One of the monitor's cases takes as long as fifty of init's.
test.skipIf(!able)("monitor.c keeps to its memory and its descriptors, whoever says what", () => {
  const count = Math.ceil(CASES / 50);
  for (const first of STARTS) {
    const counts = fuzz("monitor-fuzz", first, count);
    expect(counts["ended"]).toBeGreaterThan(count / 2);
    expect(counts["frames"]).toBeGreaterThan(count / 2);
    expect(counts["spawns"]).toBeGreaterThan(count / 2);
    expect(counts["tells"]).toBeGreaterThan(count / 50);
  }
});
