/** `teu events`: what has happened, and what happens from now on. */
import { watch } from "node:fs";
import { inTransaction } from "./store/database.ts";
import { type EventRecord, lastEvent, listEvents } from "./store/events.ts";
import type { Store } from "./store/store.ts";

/** Which events are wanted. */
export interface EventRange {
  /** In milliseconds since 1970; absent: from now on. */
  readonly since?: number;
  /** Then it ends; absent: when `signal` says so. */
  readonly until?: number;
}

/** Yields events as they are recorded. It ends with `range.until`, or with `signal`. */
export async function* watchEvents(
  { database, namespace, paths }: Store,
  { since, until }: EventRange,
  signal: AbortSignal,
): AsyncGenerator<EventRecord> {
  let last = since === undefined ? lastEvent(database) : 0;
  let wake = Promise.withResolvers<void>();
  // Every change of the records is a write to the files in this folder.
  const watcher = watch(paths.root, () => wake.resolve());
  const stop = () => wake.resolve();
  signal.addEventListener("abort", stop);
  const timer = until === undefined ? undefined : setTimeout(stop, Math.max(0, until - Date.now()));
  try {
    while (!signal.aborted) {
      // Asked for before the look: what is written after it wakes us.
      wake = Promise.withResolvers<void>();
      // What wakes us is a write to the log of the database, by one who has yet to commit it: the lock of writers is ours after that.
      for (const event of inTransaction(database, () => listEvents(database, namespace, last))) {
        last = event.number;
        if (until !== undefined && event.time > until) return;
        if (since === undefined || event.time >= since) yield event;
      }
      if (until !== undefined && Date.now() >= until) return;
      await wake.promise;
    }
  } finally {
    watcher.close();
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
