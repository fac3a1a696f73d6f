/** A thousand created containers at once, and the smallest limit on memory with which one runs. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { baseConfig, makeBundle, withProcess, withResources } from "../test/integration/support/bundle.ts";
import { TEU } from "../test/integration/teu.ts";
import { makeTimedBundle } from "./support/bundle.ts";
import { processesOf, proportionalSize } from "./support/memory.ts";
import { NEWEST_RUNC, newestRunc } from "./support/newest-runc.ts";
import type { Section, Skipped } from "./support/report.ts";
import { summarise } from "./support/sample.ts";

const CONTAINERS = Math.max(1, Number(process.env["TEU_BENCH_CONTAINERS"] ?? 1000));

/** In kilobytes. */
function availableMemory(): number {
  return Number(/^MemAvailable: +(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
}

/** One sample: it is the sum that is asked for. */
export async function benchMany(): Promise<Section | Skipped> {
  const title = `Memory of ${CONTAINERS} created containers`;
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  using bundle = makeTimedBundle("true");
  const state = mkdtempSync("/run/teu-bench-");
  const prefix = `teu-bench-${process.pid}-many`;
  const ids = Array.from({ length: CONTAINERS }, (_, index) => `${prefix}-${index}`);
  const call = (...words: string[]): void => {
    const result = Bun.spawnSync([TEU, "runtime", "--root", state, ...words], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(join(state, "messages")),
    });
    if (!result.success) throw new Error(readFileSync(join(state, "messages"), "utf8"));
  };
  const before = availableMemory();
  try {
    for (const id of ids) call("create", "--bundle", bundle.path, id);
    const processes = processesOf(prefix);
    const pss = processes.reduce((sum, pid) => sum + proportionalSize(pid), 0);
    const fall = before - availableMemory();
    return {
      title,
      says: `${processes.length} processes between \`create\` and \`start\`. Goal: at most 150 MB of PSS. What MemAvailable fell by is mostly the kernel's: namespaces, mounts, cgroups.`,
      unit: "MB",
      tables: [
        {
          name: "all together",
          rows: [summarise("PSS", [pss / 1000]), summarise("fall of MemAvailable", [fall / 1000])],
        },
      ],
    };
  } finally {
    for (const id of ids)
      Bun.spawnSync([TEU, "runtime", "--root", state, "delete", "--force", id], { stderr: "ignore" });
    rmSync(state, { recursive: true, force: true });
  }
}

/** Tried in this order: powers of two, in KiB. */
const LIMITS = [128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];
const ATTEMPTS = 5;

export async function benchSmallestLimit(): Promise<Section | Skipped> {
  const title = "The smallest limit on memory";
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  using bundle = makeBundle();
  const state = mkdtempSync("/run/teu-bench-");
  let count = 0;
  const runs = (command: readonly string[], kilobytes: number): boolean => {
    bundle.writeConfig(
      withResources({ memory: { limit: kilobytes * 1024 } })(withProcess({ args: ["true"] })(baseConfig(""))),
    );
    const id = `teu-bench-${process.pid}-limit-${++count}`;
    const words = [...command, "--root", join(state, "state")];
    const result = Bun.spawnSync([...words, "run", "--bundle", bundle.path, id], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      timeout: 10_000,
      killSignal: "SIGKILL",
    });
    Bun.spawnSync([...words, "delete", "--force", id], { stderr: "ignore" });
    return result.success;
  };
  const smallest = (command: readonly string[]): number | undefined =>
    LIMITS.find((kilobytes) =>
      Array.from({ length: ATTEMPTS }, () => runs(command, kilobytes)).every(Boolean),
    );
  const newest = newestRunc();
  const subjects: [string, string[]][] = [
    ["teu", [TEU, "runtime"]],
    ["runc", ["runc"]],
    ...(newest === undefined ? [] : [[NEWEST_RUNC, [newest]] as [string, string[]]]),
  ];
  try {
    const rows = subjects.flatMap(([name, command]) => {
      const found = smallest(command);
      return found === undefined ? [] : [summarise(name, [found])];
    });
    return {
      title,
      says: `The first power of two with which a container whose program is a static \`true\` runs ${ATTEMPTS} times out of ${ATTEMPTS}. Goal: 512 KiB, crun's mark.`,
      unit: "KiB",
      tables: [{ name: "memory.limit", rows }],
    };
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}
