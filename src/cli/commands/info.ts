/** `teu info`: this machine, and where teu keeps its state. */
import { release } from "node:os";
import { print, version } from "../../base/index.ts";

export async function run(words: readonly string[]): Promise<number> {
  const facts = {
    version,
    kernel: release(),
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    root: process.env["TEU_ROOT"] ?? "/var/lib/teu",
    run: process.env["TEU_RUN"] ?? "/run/teu",
  };
  if (words.includes("--json")) print(`${JSON.stringify(facts)}\n`);
  else for (const [name, value] of Object.entries(facts)) print(`${name}: ${value}\n`);
  return 0;
}
