/** What a command does last that has pulled images or removed containers: see that images take no more than they may. */
import { isTeuError, printError } from "../base/index.ts";
import { keepBudget, type Store } from "../engine/index.ts";

/** What goes is told by `teu events`; what goes wrong is no fault of the command's. @param isRare  See `keepBudget()`. */
export async function keepWithinBudget(store: Store, isRare: boolean): Promise<void> {
  try {
    await keepBudget(store, { isRare });
  } catch (error) {
    if (!isTeuError(error)) throw error;
    printError(`WARNING: ${error.message}\n`);
  }
}
