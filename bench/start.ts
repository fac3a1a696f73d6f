/** Start-up: what it costs to be a Bun program at all, and where the time of one `runtime run` goes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TEU } from "../test/integration/teu.ts";
import { makeTimedBundle } from "./support/bundle.ts";
import { buildEmpty } from "./support/empty.ts";
import type { Section } from "./support/report.ts";
import { measure, SAMPLES, timeCommand } from "./support/sample.ts";

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
