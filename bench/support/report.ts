/** Benchmarks as Markdown: the machine, and a table for each question, the same on the terminal and in the documentation. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import type { Plot } from "./plot.ts";
import type { Measured } from "./sample.ts";

/** One question and its answer. */
export interface Section {
  readonly title: string;
  /** What is measured, how, and what it should be. */
  readonly says: string;
  readonly unit: string;
  readonly tables: readonly Table[];
  /** Written beside the page. */
  readonly plots?: readonly Plot[];
}

/** Subjects measured together. */
export interface Table {
  /** Under which circumstances. */
  readonly name: string;
  readonly rows: readonly Measured[];
  /** Whose median is 1 in the last column; the first, unless said. */
  readonly base?: string;
}

/** A section that could not be measured here. */
export interface Skipped {
  readonly title: string;
  readonly reason: string;
}

export function encodeSection(section: Section | Skipped): string {
  if ("reason" in section) return `## ${section.title}\n\nNot measured: ${section.reason}.\n`;
  const { title, says, unit, tables, plots = [] } = section;
  const pictures = plots.map((plot) => `![${plot.title}](${plot.file})\n\n`).join("");
  return `## ${title}\n\n${says}\n\n${pictures}${tables.map((table) => encodeTable(table, unit)).join("\n")}`;
}

function encodeTable({ name, rows, base }: Table, unit: string): string {
  const one = (rows.find((row) => row.name === base) ?? rows[0])?.median ?? 1;
  const lines = rows.map(
    ({ name, median, low, high, samples }) =>
      `| ${name} | ${figure(median)} | ${figure(low)} – ${figure(high)} | ${samples} | ${figure(median / one)} |`,
  );
  return `| ${name} | median, ${unit} | 10 % – 90 % | samples | ratio |\n|---|--:|--:|--:|--:|\n${lines.join("\n")}\n`;
}

/** Three digits that mean something. */
function figure(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** What the figures were measured on. */
export function machineLine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} × ${cpu?.model.trim() ?? process.arch}, ${memory}, Linux ${release()}, ${cgroupLayout()}, Bun ${Bun.version}`;
}

function cgroupLayout(): string {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const types = mounts.map((line) => line.split(" ")[2]);
  const v1 = types.filter((type) => type === "cgroup").length;
  if (v1 === 0) return "cgroup v2";
  return types.includes("cgroup2") ? `${v1} cgroup v1 hierarchies and v2` : `${v1} cgroup v1 hierarchies`;
}
