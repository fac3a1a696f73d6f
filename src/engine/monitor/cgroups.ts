/** What a monitor has to do with cgroups: whatever runtime made the container, /proc says where it is. */
import { openSync } from "node:fs";
import { errnoOf } from "../../sys/index.ts";

/**
 * The file that counts what the kernel kills for want of memory in the cgroup of process `pid`, which the caller closes; undefined
 * where nobody counts: without the controller, and at the top, where not only this container would be counted.
 * Source: kernel cgroup-v1/memory.rst, memory.oom_control; cgroup-v2.rst, memory.events.
 */
export async function openOomEvents(pid: number): Promise<number | undefined> {
  // Loaded when first needed, as for our own runtime's driver.
  const { readCgroupLayout } = await import("../../runtime/index.ts");
  const { v1, unified } = readCgroupLayout(pid);
  const memory = v1.find(({ controllers }) => controllers.includes("memory")) ?? unified;
  if (memory === undefined || memory.own === "/") return undefined;
  const file = memory === unified ? "memory.events" : "memory.oom_control";
  try {
    return openSync(`${memory.mountPoint}${memory.own}/${file}`, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
