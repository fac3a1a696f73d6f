/** Who runs on a container's behalf, and how much memory that takes. */
import { readdirSync, readFileSync } from "node:fs";

/** Everything that still runs on a container's behalf: processes in its cgroup, or that bear its ID. */
export function processesOf(id: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const text = (name: string): string => readFileSync(`/proc/${pid}/${name}`, "utf8");
      return (
        !/^State:\tZ/m.test(text("status")) && (text("cgroup").includes(id) || text("cmdline").includes(id))
      );
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

/** In kilobytes of 1024 bytes. */
export function proportionalSize(pid: string): number {
  return Number(/^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}
