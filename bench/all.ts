/**
 * `make bench`: every benchmark, in one run on one machine.
 *
 *   bun bench/all.ts [--write] [NAME ...]     names: start runtime cgroup-join memory many limit seccomp unpack untar pull push layer
 *   registry registry-load registry-growth engine network
 *
 * --write keeps the results in docs/reference/benchmarks.md, with NAMEs those alone. TEU_BENCH_SAMPLES (40) is for trying a benchmark out; what
 * is written has the full number. Nothing of this runs in CI: a shared machine says nothing about time.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { benchCgroupJoin } from "./cgroup-join.ts";
import { benchEngine } from "./engine.ts";
import { benchLayer } from "./layer.ts";
import { benchMany, benchSmallestLimit } from "./many.ts";
import { benchMemory } from "./memory.ts";
import { benchNetwork } from "./network.ts";
import { benchPull } from "./pull.ts";
import { benchPush } from "./push.ts";
import { benchRegistry } from "./registry.ts";
import { benchRegistryGrowth } from "./registry-growth.ts";
import { benchRegistryLoad } from "./registry-load.ts";
import { benchRuntime } from "./runtime.ts";
import { benchSeccomp } from "./seccomp.ts";
import { benchStart } from "./start.ts";
import { encodePlot, type Plot } from "./support/plot.ts";
import { encodeSection, machineLine, type Section, type Skipped } from "./support/report.ts";
import { benchUnpack } from "./unpack.ts";
import { benchUntar } from "./untar.ts";

const BENCHMARKS: Readonly<Record<string, () => Promise<Section | Section[] | Skipped>>> = {
  start: benchStart,
  runtime: benchRuntime,
  "cgroup-join": benchCgroupJoin,
  memory: benchMemory,
  many: benchMany,
  limit: benchSmallestLimit,
  seccomp: benchSeccomp,
  unpack: benchUnpack,
  untar: benchUntar,
  pull: benchPull,
  push: benchPush,
  layer: benchLayer,
  registry: benchRegistry,
  "registry-load": benchRegistryLoad,
  "registry-growth": benchRegistryGrowth,
  engine: benchEngine,
  network: benchNetwork,
};
const PAGE = join(import.meta.dir, "../docs/reference/benchmarks.md");
const HEAD = `# Benchmarks

Measured by \`make bench\`; \`bun bench/all.ts --write\` writes this page. Each sample is a fresh process, the order of what is
compared changes from round to round, and the ratio is that of the medians to the first row of the table.`;

const words = process.argv.slice(2);
const names = words.filter((word) => word !== "--write");
const unknown = names.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) throw new Error(`No such benchmark: ${unknown.join(", ")}`);

const peers = Bun.spawnSync([join(import.meta.dir, "../scripts/install-peers.sh")], {
  stdout: "inherit",
  stderr: "inherit",
});
if (!peers.success) console.error("Going on without some of the programs that teu is compared with");

const date = new Date().toISOString().slice(0, 10);
const stamp = `${date}: ${machineLine()}.`;
console.log(`${HEAD}\n\n${stamp}\n`);
const written = new Map<string, string>();
const plots: Plot[] = [];
for (const [name, bench] of Object.entries(BENCHMARKS)) {
  if (names.length > 0 && !names.includes(name)) continue;
  for (const section of [await bench()].flat()) {
    const text = encodeSection(section);
    console.log(text);
    written.set(section.title, text.trimEnd());
    if ("plots" in section) plots.push(...(section.plots ?? []));
  }
}
if (words.includes("--write")) {
  writeFileSync(PAGE, names.length === 0 ? wholePage() : renewedPage());
  for (const plot of plots) writeFileSync(join(dirname(PAGE), plot.file), encodePlot(plot));
}

function wholePage(): string {
  return `${[HEAD, stamp, ...written.values()].join("\n\n")}\n`;
}

/** The page with the sections that were measured now, each with its own date. */
function renewedPage(): string {
  const [head = "", ...sections] = readFileSync(PAGE, "utf8")
    .trimEnd()
    .split(/\n\n(?=## )/);
  const kept = sections.filter((text) => !written.has(/^## (.*)$/m.exec(text)?.[1] ?? ""));
  const renewed = [...written.values()].map((text) => text.replace("\n\n", `\n\n${stamp}\n\n`));
  return `${[head, ...kept, ...renewed].join("\n\n")}\n`;
}
