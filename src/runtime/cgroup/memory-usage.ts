/** Whether a new memory limit is one that the container already exceeds. Source: config-linux.md, memory, checkBeforeUpdate. */
import { TeuError } from "../../base/index.ts";
import type { MemoryResources } from "../../spec/index.ts";
import { readCgroupFileIfAny } from "./file.ts";
import type { CgroupPaths } from "./path.ts";

/** The limit would have processes killed at once. The words are runc's. */
export class LimitBelowUsage extends TeuError<
  "limit-below-usage",
  { field: string; limit: string; usage: string }
> {
  constructor(context: { field: string; limit: string; usage: string }) {
    const { field, limit, usage } = context;
    const what = field === "swap" ? "memory+swap" : "memory";
    super(
      "limit-below-usage",
      "failed-precondition",
      context,
      `rejecting ${what} limit ${limit} <= usage ${usage}`,
    );
  }
}

/**
 * Refuses limits at or below what is in use, if the document asks for that. v2 only: v1 has the kernel refuse them.
 * @throws {LimitBelowUsage}
 */
export function checkMemoryUsage(memory: MemoryResources | undefined, paths: CgroupPaths): void {
  const unified = paths[""];
  if (!memory?.checkBeforeUpdate || unified === undefined) return;
  const usage = readCgroupFileIfAny(`${unified}/memory.current`);
  if (usage === undefined) return;
  for (const field of ["swap", "limit"] as const) {
    const limit = BigInt(memory[field] ?? 0);
    if (limit > 0n && limit <= BigInt(usage))
      throw new LimitBelowUsage({ field, limit: String(limit), usage });
  }
}
