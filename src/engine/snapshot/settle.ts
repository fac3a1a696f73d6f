/** Stands in until layers can be settled: refuses what would come out wrong. */
import { Unsupported } from "../../base/index.ts";
import type { Unsettled } from "../../image/index.ts";

export function settleLayer(_target: string, _lower: readonly string[], { hardLinks }: Unsettled): void {
  if (hardLinks.length > 0)
    throw new Unsupported({ what: "layer", why: "hard links into lower layers are not settled yet" });
}
