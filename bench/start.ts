/** Start-up: what it costs to be a Bun program at all, and where the time of one `runtime run` goes. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TEU } from "../test/integration/teu.ts";
import { makeTimedBundle } from "./support/bundle.ts";
import type { Section } from "./support/report.ts";
import { measure, SAMPLES, timeCommand } from "./support/sample.ts";

/** A compiled program of no instructions, built with the flags of ours. */
function buildEmpty(folder: string): string {
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

export async function benchStart(): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), "teu-bench-"));
  using bundle = makeTimedBundle("true");
  try {
    const empty = buildEmpty(folder);
    const subject = (name: string, ...command: string[]) => ({
      name,
      sample: () => timeCommand(command, { cwd: bundle.path }),
    });
    const subjects = [
      subject("an empty Bun executable", empty),
      subject("`teu version`", TEU, "version"),
      subject("`teu runtime --version`", TEU, "runtime", "--version"),
      subject("`teu runtime plan`", TEU, "runtime", "plan", "--bundle", bundle.path),
      subject("`runc --version`", "runc", "--version"),
      subject("`/bin/true`", "/bin/true"),
    ];
    return {
      title: "Start-up",
      says:
        "From fork to exit, without a container. `teu runtime plan` reads and checks config.json, asks the kernel what it has, and compiles.\n" +
        "Goal: `teu version` at most 1.5 of an empty Bun executable.",
      unit: "ms",
      tables: [{ name: "back to back", rows: await measure(subjects, { samples: SAMPLES, pauseMs: 0 }) }],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
