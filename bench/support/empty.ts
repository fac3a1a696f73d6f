/** What it costs to be a Bun program at all. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** A compiled program of no instructions, built with the flags of ours, in `folder`. @returns its path */
export function buildEmpty(folder: string): string {
  const source = join(folder, "empty.ts");
  const out = join(folder, "empty");
  writeFileSync(source, "export {};\n");
  const flags = [
    "--compile",
    "--minify",
    "--bytecode",
    "--format=esm",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
  ];
  const built = Bun.spawnSync([process.execPath, "build", source, ...flags, `--outfile=${out}`], {
    stderr: "pipe",
  });
  if (!built.success) throw new Error(`Cannot build the empty program: ${built.stderr.toString()}`);
  return out;
}
