/**
 * runc's own integration tests against `teu-runtime`, called as runc, and, in the same run, against the newest runc. By hand, from a
 * copy of runc's source in which its Makefile has made the test binaries, and whose get-images.sh finds the images in testdata:
 *
 *   bun scripts/conformance-bats.ts FOLDER [--write] [FILE ...]      --write: write docs/reference/conformance.md anew
 *
 * Needs root, bats, gawk, jq and script. Each file runs on a terminal, as in runc's CI, and in a mount namespace of its own.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NEWEST_RUNC, newestRunc } from "../bench/support/newest-runc.ts";
import { encodeRows, provenance, type Row, TEU, writeSection } from "./conformance-page.ts";
import { BATS_REASONS } from "./conformance-reasons.ts";

const TIMEOUT_SECONDS = 300;

type Result = "pass" | "fail" | "skipped";

/** What became of the tests of one file, by their names. */
async function runFile(
  folder: string,
  runtime: string,
  file: string,
): Promise<{ results: ReadonlyMap<string, Result>; output: string }> {
  const bats = `timeout -k 5 ${TIMEOUT_SECONDS} bats -t ${file}.bats`;
  const child = Bun.spawn(
    ["unshare", "-m", "--propagation", "slave", "script", "-qec", bats, "/dev/null"],
    // An input that ends would be typed into the terminal.
    { cwd: folder, env: { ...process.env, RUNC: runtime }, stdin: "pipe", stderr: "inherit" },
  );
  const output = (await new Response(child.stdout).text()).replaceAll("\r", "");
  await child.exited;
  const points = output.matchAll(/^(not )?ok \d+ (.*?)(?: # skip.*)?$/gm);
  const results = new Map<string, Result>();
  for (const [line, not, name = ""] of points)
    results.set(name, not === undefined ? (line.includes(" # skip") ? "skipped" : "pass") : "fail");
  return { results, output };
}

function count(results: ReadonlyMap<string, Result>): string {
  const all = [...results.values()].filter((result) => result !== "skipped");
  return `${all.filter((result) => result === "pass").length} of ${all.length}`;
}

/** The lines that bats prints of a test that failed. */
function why(output: string, name: string): string {
  const at = output.indexOf(` ${name}\n`);
  const lines = output.slice(at + name.length + 2).split("\n");
  const end = lines.findIndex((line) => !line.startsWith("#"));
  return lines.slice(0, Math.min(end < 0 ? lines.length : end, 30)).join("\n");
}

const [source = "", ...chosen] = Bun.argv.slice(2).filter((word) => !word.startsWith("--"));
const runc = newestRunc();
if (source === "" || runc === undefined)
  throw new Error("conformance-bats: FOLDER, and Go for the newest runc, are needed");
const tests = join(source, "tests/integration");
const folder = mkdtempSync(join(tmpdir(), "teu-bats-"));
const rows: Row[] = [];
const passed = { teu: 0, runc: 0, all: 0 };
let failed = 0;
try {
  const teu = join(folder, "runc");
  symlinkSync(TEU, teu);
  const files = readdirSync(tests).flatMap((name) => (name.endsWith(".bats") ? [name.slice(0, -5)] : []));
  for (const file of chosen.length > 0 ? chosen : files.sort()) {
    const ours = await runFile(tests, teu, file);
    const theirs = await runFile(tests, runc, file);
    const names = [...new Set([...ours.results.keys(), ...theirs.results.keys()])];
    const reasons: string[] = [];
    const before = passed.all;
    for (const name of names) {
      const [one, other] = [ours.results.get(name), theirs.results.get(name)];
      if (one === "skipped" && other === "skipped") continue;
      passed.all += 1;
      if (one === "pass") passed.teu += 1;
      if (other === "pass") passed.runc += 1;
      if (one === "pass") continue;
      const own = BATS_REASONS[`${file}: ${name}`];
      const reason = own ?? BATS_REASONS[file];
      reasons.push(own === undefined ? (reason ?? `${name}: ?`) : `${name.trim()}: ${own}`);
      if (reason !== undefined) continue;
      failed += 1;
      console.log(`LOST ${file}: ${name}\n${why(ours.output, name)}`);
    }
    const row = { name: file, teu: count(ours.results), runc: count(theirs.results) };
    if (passed.all > before) rows.push({ ...row, reason: [...new Set(reasons)].join("; ") });
    console.log(`${file}: ${row.teu}; runc: ${row.runc}`);
  }
  if (Bun.argv.includes("--write"))
    writeSection(
      "runc's own tests",
      `The integration tests of [runc](https://github.com/opencontainers/runc) ${readFileSync(join(source, "VERSION"), "utf8").trim()}, run by hand with \`scripts/conformance-bats.ts\`; beside teu, ${NEWEST_RUNC}. Tests that
neither can run here are not counted. Where the kernel has no devices of the type dummy, the copy of the tests makes veth of them.
${provenance(runc)}

Of ${passed.all} tests ${passed.teu} pass under teu and ${passed.runc} under ${NEWEST_RUNC}.

${encodeRows("file", rows)}`,
    );
  console.log(`${passed.all - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && rows.length > 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
