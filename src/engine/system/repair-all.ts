/** All of `teu system repair`: first records to work with, then what they and the content lack. */
import { openEngine } from "../open.ts";
import type { CheckOptions } from "./check.ts";
import { rebuildRecords } from "./rebuild.ts";
import { type Repaired, repairStore } from "./repair.ts";

/** Yields what was done, problem by problem. */
export async function* repairAll(
  environment: Readonly<Record<string, string | undefined>>,
  options: CheckOptions,
): AsyncGenerator<Repaired> {
  // As in openEngine(): a plain user goes on in namespaces where that user is root.
  if (process.geteuid?.() !== 0) await (await import("../home/enter.ts")).enterHome(environment);
  yield* rebuildRecords(environment);
  yield* repairStore(await openEngine(environment), options);
}
