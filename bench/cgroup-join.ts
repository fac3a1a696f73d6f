/**
 * What it costs to move a process into a cgroup of every v1 hierarchy: when its parent writes the pid into each
 * cgroup.procs, and when it writes 0 into each `tasks` itself, as native/init.c does. The kernel waits for a grace
 * period in the first case, which costs nothing back to back and milliseconds after a rest.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Section, Skipped, Table } from "./support/report.ts";
import { measure, SAMPLES, type Subject } from "./support/sample.ts";

const NAME = `teu-bench-${process.pid}`;

/** This process's own cgroup in each v1 hierarchy, by mount point. */
function hierarchies(): string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  return mounts.flatMap(([, path, type]) =>
    type === "cgroup" && path !== undefined && isSimple(path) ? [path] : [],
  );
}

/** cpuset takes no task before its cpus and mems are written. */
function isSimple(path: string): boolean {
  return !path.endsWith("/cpuset") && existsSync(join(path, "cgroup.procs"));
}

function write(file: string, text: string): void {
  const descriptor = openSync(file, "w");
  writeSync(descriptor, text);
  closeSync(descriptor);
}

/** The parent moves a child, pid by pid. */
function byParent(paths: readonly string[]): Subject {
  return {
    name: "the parent writes the pid to `cgroup.procs`",
    async sample() {
      await using child = Bun.spawn(["sleep", "60"], { stdin: "ignore", stdout: "ignore" });
      const begin = performance.now();
      for (const path of paths) write(join(path, NAME, "cgroup.procs"), `${child.pid}`);
      const took = performance.now() - begin;
      child.kill("SIGKILL");
      await child.exited;
      return took;
    },
  };
}

/** A child moves itself: it is this file, which prints how long that took. */
function bySelf(paths: readonly string[]): Subject {
  return {
    name: "the process writes 0 to `tasks`",
    sample() {
      const files = paths.map((path) => join(path, NAME, "tasks"));
      const child = Bun.spawnSync([process.execPath, import.meta.path, ...files]);
      if (!child.success) throw new Error(`Cannot move into ${files.join(", ")}: ${child.stderr.toString()}`);
      return Number(child.stdout.toString());
    },
  };
}

export async function benchCgroupJoin(): Promise<Section | Skipped> {
  const title = "Joining the cgroups of v1";
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  const paths = hierarchies();
  if (paths.length === 0) return { title, reason: "there are no v1 hierarchies here" };
  const made = paths.map((path) => join(path, NAME));
  for (const path of made) mkdirSync(path);
  try {
    const tables: Table[] = [];
    for (const { name, pauseMs } of [
      { name: "back to back", pauseMs: 0 },
      { name: "50 ms between", pauseMs: 50 },
    ])
      tables.push({
        name,
        rows: await measure([byParent(paths), bySelf(paths)], { samples: SAMPLES, pauseMs }),
      });
    return {
      title,
      says: `One process, ${paths.length} hierarchies, both ways. teu takes the second.`,
      unit: "ms",
      tables,
    };
  } finally {
    for (const path of made) await removeCgroup(path);
  }
}

/** A cgroup can be removed a moment after its last process has gone. */
async function removeCgroup(path: string): Promise<void> {
  for (let left = 50; ; left--) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if (left === 0) throw error;
      await Bun.sleep(20);
    }
  }
}

if (import.meta.main) {
  const files = process.argv.slice(2);
  const begin = performance.now();
  for (const file of files) write(file, "0");
  console.log(performance.now() - begin);
}
