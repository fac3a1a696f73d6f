/**
 * Builds the one executable: `bun scripts/build.ts [--out FILE]`. Stamps version and commit in, makes the finished file
 * deaf to the two environment variables by which any Bun executable can be made to run foreign code, and lets it start in
 * a directory that was deleted.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { aloneBundles } from "./alone.ts";
import { addFirstCode } from "./first-code.ts";
import { harden } from "./harden.ts";

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

async function build(temporary: string): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const parts = `${temporary}.parts`;
  const define = { TEU_VERSION: JSON.stringify(version), TEU_COMMIT: JSON.stringify(commitName()) };
  await Bun.build({
    entrypoints: [
      join(ROOT, "src/main.ts"),
      // A thread's code is an entry of its own: it is named by its path below src.
      join(ROOT, "src/distribution/registry/storage/hash-worker.ts"),
    ],
    // The program runs as root in folders that others write: neither file may be read from there.
    compile: { outfile: temporary, autoloadDotenv: false, autoloadBunfig: false },
    minify: true,
    bytecode: true,
    splitting: true,
    format: "esm",
    define,
    plugins: [await aloneBundles(define, parts)],
  });
}

const BLOCK_BYTES = 4096;

/** Changes a file in place, and writes only the blocks that differ: rewritten whole it would start a millisecond slower. */
function change(path: string, edit: (file: Buffer) => void): void {
  const before = readFileSync(path);
  const after = Buffer.from(before);
  edit(after);
  const descriptor = openSync(path, "r+");
  for (let at = 0; at < after.length; at += BLOCK_BYTES) {
    const block = after.subarray(at, at + BLOCK_BYTES);
    if (!block.equals(before.subarray(at, at + BLOCK_BYTES)))
      writeSync(descriptor, block, 0, block.length, at);
  }
  closeSync(descriptor);
}

const temporary = `${OUT}.${process.pid}.tmp`;
try {
  await build(temporary);
  change(temporary, (file) => {
    harden(file);
    addFirstCode(file);
  });
  // By rename: a teu that is running keeps its own file.
  renameSync(temporary, OUT);
} finally {
  for (const path of [temporary, `${temporary}.parts`]) rmSync(path, { recursive: true, force: true });
}
