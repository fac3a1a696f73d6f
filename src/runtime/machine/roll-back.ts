/** Takes back what a create had made when it failed. */
import { messageOf, TeuError } from "../../base/index.ts";

/** Undoes in reverse order. When that fails too, both are told: the first failure leads. */
export function rollBack(undo: readonly (() => void)[], error: unknown): unknown {
  const failures: unknown[] = [];
  for (const step of undo.toReversed()) {
    try {
      step();
    } catch (failed) {
      failures.push(failed);
    }
  }
  return failures.length === 0 ? error : new CleanupFailed(error, failures);
}

/** Something failed, and so did the removal of what had been made. */
export class CleanupFailed extends TeuError<"cleanup-failed", { failures: readonly unknown[] }> {
  constructor(error: unknown, failures: readonly unknown[]) {
    const also = failures.map(messageOf).join("; ");
    super(
      "cleanup-failed",
      "internal",
      { failures },
      `${messageOf(error)} (and cleaning up failed: ${also})`,
      { cause: error },
    );
  }
}
