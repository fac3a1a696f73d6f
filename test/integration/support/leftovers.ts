/** What a container must not leave behind on the machine: mounts, cgroups, processes, directories. */
import { type Dirent, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const CGROUPS = "/sys/fs/cgroup";

/** Everything on the machine that bears one of `names` (a container ID, a temporary folder), a line each. */
export function findLeftovers(names: readonly string[]): string[] {
  const bears = (text: string): boolean => names.some((name) => text.includes(name));
  return [...findMounts(bears), ...findCgroups(CGROUPS, bears), ...findProcesses(bears)];
}

function findMounts(bears: (text: string) => boolean): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return mounts.filter(bears).map((line) => `mount: ${line}`);
}

function findCgroups(folder: string, bears: (text: string) => boolean): string[] {
  return entriesOf(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [];
    return bears(entry.name) ? [`cgroup: ${path}`] : findCgroups(path, bears);
  });
}

/** Nothing, when the folder is gone: other tests remove theirs at the same time. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return [];
  }
}

function findProcesses(bears: (text: string) => boolean): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    // A dead process that its parent has not asked about yet is the parent's, not ours.
    if (/^State:\tZ/m.test(read(`/proc/${pid}/status`))) return [];
    const about = `${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ")} ${read(`/proc/${pid}/cgroup`)}`;
    return bears(about) ? [`process: ${pid} ${about.trim()}`] : [];
  });
}

/** The file's text; nothing when its process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
