/**
 * `make test`: installs what the tests compare teu with, runs them, and ends with one line: `N passed, N failed`.
 *
 *   bun scripts/test.ts [PATH ...]      all tests, or those of some files and folders
 *
 * Runs as root or as a user; a test whose needs are not met is skipped and listed. Exit status 0: all that ran passed,
 * and something did.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addOutcomes, NOTHING, type Outcome, readOutcome } from "./test-report.ts";

const ROOT = join(import.meta.dir, "..");
/** In an emulated machine everything takes many times as long. */
const SLOWNESS = process.env["VM_GUEST"] === undefined ? 1 : 10;

/** Tests that run in one process, and how long one of them may take. */
interface Suite {
  readonly name: string;
  readonly paths: readonly string[];
  readonly timeoutMs: number;
}

const UNIT: Suite = {
  name: "unit",
  paths: ["./src", "./test/architecture", "./test/tools", "./test/native"],
  timeoutMs: 10_000,
};
const INTEGRATION: Suite = { name: "integration", paths: ["./test/integration"], timeoutMs: 60_000 };
const SECURITY_FOLDER = "./test/security";
/** Published attacks on runtimes, each tried. */
const SECURITY: Suite = { name: "security", paths: [SECURITY_FOLDER], timeoutMs: 180_000 };

const isAttack = (path: string): boolean => path.startsWith(SECURITY_FOLDER);

function suitesOf(paths: readonly string[]): readonly Suite[] {
  if (paths.length === 0) return [UNIT, INTEGRATION, SECURITY];
  const named = paths.map((path) => (path.startsWith("/") || path.startsWith("./") ? path : `./${path}`));
  const { timeoutMs } = named.some(isAttack) ? SECURITY : INTEGRATION;
  return [{ name: named.join(" "), paths: named, timeoutMs }];
}

/**
 * Real kernels, clocks and other programs take part in the tests. Where a run decides for others, a test that fails has a second
 * attempt, and what it said the first time is printed. By hand it has none. An attack never has: one that succeeds every second time
 * is a way out; nor has what kills at random: what is lost once is lost.
 */
function attemptsOf(suite: Suite): readonly string[] {
  const once = suite.paths.some((path) => isAttack(path) || path.startsWith("./test/reliability"));
  return process.env["CI"] === "true" && !once ? ["--retry=1"] : [];
}

/** Runs one suite, its words passed on, and returns what its report says. */
async function runSuite(suite: Suite, folder: string): Promise<Outcome> {
  console.log(`== ${suite.name}`);
  const report = join(folder, "report.xml");
  rmSync(report, { force: true });
  const words = [
    "--preload=./test/support/same-cases.ts",
    ...attemptsOf(suite),
    "--only-failures",
    `--timeout=${suite.timeoutMs * SLOWNESS}`,
    "--reporter=junit",
    `--reporter-outfile=${report}`,
  ];
  const child = Bun.spawn([process.execPath, "test", ...words, ...suite.paths], {
    cwd: ROOT,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  const status = await child.exited;
  const outcome = (await Bun.file(report).exists()) ? readOutcome(readFileSync(report, "utf8")) : NOTHING;
  if (status === 0 || outcome.failed > 0) return outcome;
  console.log(`bun test ended with status ${status} outside of a test`);
  return { ...outcome, failed: 1 };
}

function printSkipped(skipped: readonly string[]): void {
  if (skipped.length === 0) return;
  const user = process.getuid?.() === 0 ? "root" : "not root";
  console.log(`\nSkipped, since this machine or user (${user}) does not have what they need:`);
  const byFile = Map.groupBy(skipped, (name) => name.slice(0, name.indexOf(": ")));
  for (const [file, names] of byFile) {
    if (names.length <= 3) for (const name of names) console.log(`  ${name}`);
    else console.log(`  ${file}: ${names.length} tests`);
  }
}

const peers = Bun.spawnSync([join(ROOT, "scripts/install-peers.sh")], {
  stdout: "inherit",
  stderr: "inherit",
});
// 3: something is missing and cannot be installed; the tests that need it are skipped.
if (peers.exitCode !== 0 && peers.exitCode !== 3)
  console.log("Going on without some of the programs that teu is compared with");

const folder = mkdtempSync(join(tmpdir(), "teu-tests-"));
let total = NOTHING;
try {
  for (const suite of suitesOf(process.argv.slice(2)))
    total = addOutcomes(total, await runSuite(suite, folder));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
printSkipped(total.skipped);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
