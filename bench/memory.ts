/** What a container that is created and not started keeps in memory: the proportional set sizes of all its processes. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TEU } from "../test/integration/teu.ts";
import { makeTimedBundle } from "./support/bundle.ts";
import { processesOf, proportionalSize } from "./support/memory.ts";
import type { Section, Skipped } from "./support/report.ts";
import { measure, SAMPLES, type Subject } from "./support/sample.ts";

function createdBy(name: string, command: readonly string[], bundle: string, state: string): Subject {
  let count = 0;
  return {
    name,
    sample() {
      const id = `teu-bench-${process.pid}-${name}-${++count}`;
      const call = (...words: string[]): void => {
        const words_ = [...command, "--root", join(state, name), ...words, id];
        const result = Bun.spawnSync(words_, {
          stdin: "ignore",
          stdout: "ignore",
          stderr: Bun.file(join(state, "err")),
        });
        if (!result.success)
          throw new Error(`${words_.join(" ")}: ${readFileSync(join(state, "err"), "utf8")}`);
      };
      call("create", "--bundle", bundle);
      try {
        const processes = processesOf(id);
        if (processes.length === 0) throw new Error(`${name} created a container of no process`);
        return processes.reduce((sum, pid) => sum + proportionalSize(pid), 0);
      } finally {
        call("delete", "--force");
      }
    },
  };
}

/** Which peers create containers here: crun refuses a hybrid layout. */
function isAble(subject: Subject): boolean {
  try {
    subject.sample();
    return true;
  } catch {
    return false;
  }
}

export async function benchMemory(): Promise<Section | Skipped> {
  const title = "Memory of a created container";
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  using bundle = makeTimedBundle("true");
  const state = mkdtempSync(join(tmpdir(), "teu-bench-"));
  try {
    const subjects = [
      createdBy("teu", [TEU, "runtime"], bundle.path, state),
      createdBy("runc", ["runc"], bundle.path, state),
      createdBy("crun", ["crun"], bundle.path, state),
    ];
    const able = subjects.filter((subject, index) => index === 0 || isAble(subject));
    return {
      title,
      says: "PSS of all processes of a container between `create` and `start`. Goal: at most 80 kB.",
      unit: "kB",
      tables: [{ name: "created, not started", rows: await measure(able, { samples: SAMPLES, pauseMs: 0 }) }],
    };
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}
