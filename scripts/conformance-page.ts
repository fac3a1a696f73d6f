/**
 * docs/reference/conformance.md: one section for each suite, written by the script that runs it. The others stay as they
 * are, since one of the suites is run by hand and at other times.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
/** The built executable. */
export const TEU: string = process.env["TEU_EXECUTABLE"] ?? join(ROOT, "dist/teu");
const PAGE = join(ROOT, "docs/reference/conformance.md");

const HEAD = `<!-- Written by scripts/conformance-runtime.ts, conformance-contest.ts and conformance-bats.ts --write; do not edit. -->
# Conformance: the runtime

Three public suites for OCI runtimes against \`teu runtime\` and, in the same run on the same machine, against runc. What runc passes and we do
not is a bug, but for the few cases that say why not; every other failure has its reason here, too.
`;

/** One row of a table: a case, what became of it under both runtimes, and why where that is not a pass. */
export interface Row {
  readonly name: string;
  readonly teu: string;
  readonly runc: string;
  readonly reason: string;
}

/** Writes `body` as the section `heading`; the sections come in the order of their headings. */
export function writeSection(heading: string, body: string): void {
  const page = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : HEAD;
  const [, ...sections] = page.split(/^(?=## )/m);
  const section = `## ${heading}\n\n${body.trimEnd()}\n`;
  const at = sections.findIndex((text) => text.startsWith(`## ${heading}\n`));
  if (at < 0) sections.push(section);
  else sections[at] = section;
  sections.sort();
  writeFileSync(PAGE, [HEAD, ...sections.map((text) => text.trimEnd())].join("\n").concat("\n"));
}

/** A Markdown table of the rows. */
export function encodeRows(what: string, rows: readonly Row[]): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  const lines = rows.map((row) => `| ${[row.name, row.teu, row.runc, row.reason].map(cell).join(" | ")} |`);
  return [`| ${what} | teu | runc | why not |`, "| --- | --- | --- | --- |", ...lines].join("\n");
}

/** What was compared, where and when, as a sentence. @param program  The runc beside teu: Debian's unless another is named. */
export function provenance(program = "runc"): string {
  const first = (...command: string[]): string =>
    Bun.spawnSync(command).stdout.toString().trim().split("\n")[0] ?? "";
  const cgroups = readFileSync("/proc/mounts", "utf8").includes(" /sys/fs/cgroup cgroup2 ")
    ? "v2"
    : "v1 and hybrid";
  const day = new Date().toISOString().slice(0, 10);
  const [teu, runc] = [first(TEU, "runtime", "--version"), first(program, "--version")];
  return `Run on ${day}: ${teu.replace("teu runtime", "teu")} and ${runc}, Linux ${release().split("-")[0]}, cgroup ${cgroups}.`;
}
