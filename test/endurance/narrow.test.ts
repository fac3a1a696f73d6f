/**
 * Many runs of the compiled program where it is narrow: few processes allowed, little memory, no standard streams. Bun
 * starts threads and reserves gigabytes of addresses; a runtime that is called by a supervisor has to bear less. Every run
 * must end with its container's status, within a minute, and leave nothing.
 *
 *   TEU_ENDURANCE_RUNS=10000 TEU_ENDURANCE_AT_ONCE=200 bun scripts/test.ts test/endurance
 */
import { expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bundle, baseConfig, makeBundle } from "../integration/support/bundle.ts";
import { findLeftovers } from "../integration/support/leftovers.ts";
import { TEU } from "../integration/teu.ts";
import { needs, program, root } from "../support/needs.ts";

const RUNS = Number(process.env["TEU_ENDURANCE_RUNS"] ?? 300);
const AT_ONCE = Number(process.env["TEU_ENDURANCE_AT_ONCE"] ?? 20);
const PROCESSES = 8;
const MEMORY_BYTES = 32 << 20;
const STATUS = 7;
const PATIENCE_MS = 60_000;

/** The limits of one run at a time, on either version of cgroups. Paths of the files by which a process enters. */
function makeCell(name: string): { enter: string[]; remove: () => void } {
  const isV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
  const limits: [folder: string, file: string, value: number][] = isV2
    ? [
        [`/sys/fs/cgroup/${name}`, "pids.max", PROCESSES],
        [`/sys/fs/cgroup/${name}`, "memory.max", MEMORY_BYTES],
      ]
    : [
        [`/sys/fs/cgroup/pids/${name}`, "pids.max", PROCESSES],
        [`/sys/fs/cgroup/memory/${name}`, "memory.limit_in_bytes", MEMORY_BYTES],
      ];
  const folders = [...new Set(limits.map(([folder]) => folder))];
  for (const folder of folders) mkdirSync(folder);
  for (const [folder, file, value] of limits) writeFileSync(join(folder, file), String(value));
  return {
    enter: folders.map((folder) => join(folder, "cgroup.procs")),
    remove: () => {
      for (const folder of folders) rmdirSync(folder);
    },
  };
}

/** One run with 0, 1 and 2 closed. @returns what was wrong with it */
async function runOnce(id: string, bundle: Bundle, state: string, enter: readonly string[]): Promise<string> {
  const log = join(state, `${id}.log`);
  const enterAll = enter.map((file) => `echo 0 >${file}`).join("; ");
  const run = `exec ${TEU} runtime --log ${log} --root ${state} run --bundle ${bundle.path} ${id} <&- >&- 2>&-`;
  const child = Bun.spawn(["/bin/sh", "-c", `${enterAll}; ${run}`], {
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "ignore", "ignore"],
    timeout: PATIENCE_MS,
    killSignal: "SIGKILL",
  });
  const status = await child.exited;
  if (status === STATUS) return "";
  const said = existsSync(log) ? readFileSync(log, "utf8").trim() : "";
  return `${id}: ${child.signalCode ?? `status ${status}`}: ${said}`;
}

needs(root, program("busybox"))(
  `${RUNS} runs, ${AT_ONCE} at a time, with ${PROCESSES} processes, 32 MiB and no standard streams all end well`,
  async () => {
    using bundle = makeBundle();
    bundle.writeConfig(baseConfig(`exit ${STATUS}`));
    const state = mkdtempSync(join(tmpdir(), "teu-endurance-"));
    const name = `teu-endurance-${process.pid}`;
    const wrong: string[] = [];
    let next = 0;
    const worker = async (_: unknown, slot: number): Promise<void> => {
      const cell = makeCell(`${name}-${slot}`);
      while (next < RUNS) {
        const said = await runOnce(`${name}-run-${next++}`, bundle, state, cell.enter);
        if (said !== "") wrong.push(said);
      }
      cell.remove();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    expect(wrong).toEqual([]);
    expect(findLeftovers([`${name}-run`])).toEqual([]);
    rmSync(state, { recursive: true });
  },
  (RUNS / AT_ONCE + 2) * PATIENCE_MS,
);
