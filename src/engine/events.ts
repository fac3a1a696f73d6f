/** `teu events`: what has happened, and what happens from now on. */
import { watch } from "node:fs";
import { inTransaction } from "./store/database.ts";
import { type EventMessage, lastEvent, listEvents } from "./store/events.ts";
import { PassingTail } from "./store/passing-tail.ts";
import type { Store } from "./store/store.ts";

/** Which events are wanted. */
export interface EventRange {
  /** In milliseconds since 1970; absent: from now on. */
  readonly since?: number;
  /** Then it ends; absent: when `signal` says so. */
  readonly until?: number;
}

/** What another one, of the other place, may still be told before. */
const YOUNG_MS = 1;

/** Yields events as they are told: those of the records, and those that pass. It ends with `range.until`, or with `signal`. */
export async function* watchEvents(
  { database, namespace, paths }: Store,
  { since, until }: EventRange,
  signal: AbortSignal,
): AsyncGenerator<EventMessage> {
  let last = since === undefined ? lastEvent(database) : 0;
  using passing = new PassingTail({ paths }, since === undefined);
  let wake = Promise.withResolvers<void>();
  // Every change of the records is a write to the files in the first of these folders, all that passes one to a file in the second.
  const watchers = [paths.root, paths.run].map((path) => watch(path, () => wake.resolve()));
  const stop = () => wake.resolve();
  signal.addEventListener("abort", stop);
  const timer = until === undefined ? undefined : setTimeout(stop, Math.max(0, until - Date.now()));
  let young: { readonly recorded: EventMessage[]; readonly passed: EventMessage[] } = {
    recorded: [],
    passed: [],
  };
  try {
    while (!signal.aborted) {
      // Asked for before the look: what is written after it wakes us.
      wake = Promise.withResolvers<void>();
      // What is told after this moment may be seen in one place before what was told earlier in the other: it waits for the next look.
      const lookedAt = Date.now();
      const passed = passing.read().filter((event) => event.namespace === namespace);
      // What wakes us is a write to the log of the database, by one who has yet to commit it: the lock of writers is ours after that.
      const recorded = inTransaction(database, () => listEvents(database, namespace, last));
      last = recorded.at(-1)?.number ?? last;
      const isOld = ({ time }: EventMessage) => time < lookedAt;
      const old = { recorded: recorded.filter(isOld), passed: passed.filter(isOld) };
      for (const event of merge([...young.recorded, ...old.recorded], [...young.passed, ...old.passed])) {
        if (until !== undefined && event.time > until) return;
        if (since === undefined || event.time >= since) yield event;
      }
      const isYoung = (event: EventMessage) => !isOld(event);
      young = { recorded: recorded.filter(isYoung), passed: passed.filter(isYoung) };
      const isQuiet = young.recorded.length + young.passed.length === 0;
      if (isQuiet && until !== undefined && Date.now() >= until) return;
      await (isQuiet ? wake.promise : Bun.sleep(YOUNG_MS));
    }
  } finally {
    for (const watcher of watchers) watcher.close();
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** Both by time, and each in its own order, whatever was done to the clock. Of one moment, what passes came first: what a record tells of follows it. */
function* merge(recorded: readonly EventMessage[], passed: readonly EventMessage[]): Generator<EventMessage> {
  let next = 0;
  for (const event of recorded) {
    for (let other = passed[next]; other !== undefined && other.time <= event.time; other = passed[next]) {
      yield other;
      next++;
    }
    yield event;
  }
  yield* passed.slice(next);
}
