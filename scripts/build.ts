/**
 * Builds the one executable: `bun scripts/build.ts [--out FILE]`. Stamps version and commit in, makes the finished file
 * deaf to the two environment variables by which any Bun executable can be made to run foreign code, and lets it start in
 * a directory that was deleted.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { harden } from "./harden.ts";
import { startAnywhere } from "./start-anywhere.ts";

const ROOT = join(dirname(import.meta.dir));
const OUT = process.argv[2] === "--out" ? (process.argv[3] ?? "") : join(ROOT, "dist/teu");

/** The words of one command's output, or undefined when it fails. */
function output(...command: string[]): string | undefined {
  const result = Bun.spawnSync(command, { cwd: ROOT, stderr: "ignore" });
  return result.success ? result.stdout.toString().trim() : undefined;
}

function commitName(): string {
  const commit = output("git", "rev-parse", "--short=12", "HEAD");
  if (commit === undefined) return "unknown";
  return output("git", "status", "--porcelain", "--untracked-files=no") === "" ? commit : `${commit}-dirty`;
}

function build(temporary: string): void {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const result = Bun.spawnSync(
    [
      process.execPath,
      "build",
      "src/main.ts",
      "--compile",
      "--minify",
      "--bytecode",
      "--splitting",
      "--format=esm",
      // The program runs as root in folders that others write: neither file may be read from there.
      "--no-compile-autoload-dotenv",
      "--no-compile-autoload-bunfig",
      `--define=TEU_VERSION=${JSON.stringify(version)}`,
      `--define=TEU_COMMIT=${JSON.stringify(commitName())}`,
      `--outfile=${temporary}`,
    ],
    { cwd: ROOT, stdout: "ignore", stderr: "inherit" },
  );
  if (!result.success) throw new Error("Cannot build teu: bun build refused the sources (see above)");
}

const temporary = `${OUT}.${process.pid}.tmp`;
try {
  build(temporary);
  const file = readFileSync(temporary);
  harden(file);
  startAnywhere(file);
  writeFileSync(temporary, file);
  // By rename: a teu that is running keeps its own file.
  renameSync(temporary, OUT);
} finally {
  rmSync(temporary, { force: true });
}
