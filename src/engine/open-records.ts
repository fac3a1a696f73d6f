/** Opens the records of the store that the environment chooses, and cleans them of what killed commands left. */
import { recover } from "./container/recover.ts";
import { openRecordsHere } from "./open-here.ts";
import type { Records } from "./store/store.ts";

/** As `openEngine()`, for commands that look at containers alone. */
export async function openEngineRecords(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Records> {
  if (process.geteuid?.() !== 0) await (await import("./home/enter.ts")).enterHome(environment);
  const records = await openRecordsHere(environment);
  await recover(records);
  return records;
}
