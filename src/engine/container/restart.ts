/**
 * Starting containers again by themselves. When one has ended, its record says when it is due; a teu in the background waits for that and
 * starts it. If that one is killed, the next command finds it overdue and sends another. Nothing else has to be running.
 */

import { thisBoot } from "../../sys/index.ts";
import { selfCommand } from "../self.ts";
import { lastBoot, putBoot } from "../store/boots.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { findRestart, makeStoppedDue, putRestart, restartsDue } from "../store/restarts.ts";
import type { Records } from "../store/store.ts";
import { nextAttempt } from "./restart-policy.ts";

/** The command line's word for what follows a container's end; its argument is the container's ID. */
export const AFTER_EXIT_WORD = "after-exit";

/** So late, nobody is at it. */
const OVERDUE_MS = 2000;

/** The status of one that could not be started: docker's. */
const NOT_STARTED = 125;

/** The words of a teu that does what follows the end of container `id`, and all of its environment. */
export function afterExit({ paths }: Records, id: string): { words: string[]; env: Record<string, string> } {
  return {
    words: [...selfCommand(), AFTER_EXIT_WORD, id],
    env: { TEU_ROOT: paths.root, TEU_RUN: paths.run },
  };
}

/** Notes that a container has been started. @param isByHand  Its attempts begin anew. */
export function noteStart(store: Records, { id, settings }: ContainerRecord, isByHand: boolean): void {
  if (settings.restart === undefined) return;
  const known = isByHand ? undefined : findRestart(store.database, id);
  // Somebody may have stopped it while its policy started it: then it is started no more after this.
  const { attempts = 0, delayMs = 0, wasStopped = false } = known ?? {};
  putRestart(store.database, {
    ...{ container: id, dueAt: null, startedAt: Date.now(), attempts, delayMs },
    wasStopped,
  });
}

/** Notes that somebody wants the container to end: it is not started again by itself. */
export function noteStop(store: Records, { id, settings }: ContainerRecord): void {
  if (settings.restart === undefined) return;
  const known = findRestart(store.database, id);
  const { startedAt = 0, attempts = 0, delayMs = 0 } = known ?? {};
  putRestart(store.database, { container: id, dueAt: null, startedAt, attempts, delayMs, wasStopped: true });
}

/** Notes when a container that has ended is due again, if it is. In the transaction that records its end. @returns whether it is */
export function noteEnd(
  store: Records,
  { id, settings }: ContainerRecord,
  status: number,
  finishedAt: number,
): boolean {
  const known = findRestart(store.database, id);
  if (known === undefined) return false;
  const ranMs = finishedAt - known.startedAt;
  const next = nextAttempt(settings.restart, { ...known, status, ranMs });
  if (next === undefined) return false;
  putRestart(store.database, { ...known, ...next, dueAt: Date.now() + next.delayMs });
  return true;
}

/**
 * Notes that a container could not be started again by itself, as an end after no time: it is due later, or no more. Unless this is noted
 * it stays overdue, and whoever looks tries at once.
 */
export function noteFailedStart(store: Records, { id, settings }: ContainerRecord): void {
  const known = findRestart(store.database, id);
  if (known === undefined) return;
  const next = nextAttempt(settings.restart, { ...known, status: NOT_STARTED, ranMs: 0 });
  putRestart(store.database, {
    ...known,
    ...next,
    dueAt: next === undefined ? null : Date.now() + next.delayMs,
  });
}

/**
 * Starts what is to run again in a new boot, although somebody stopped it: what has the policy `always`. What ran when the last boot ended is
 * due as after any other end. Source: docker run reference, restart policies; there it is the daemon that is started anew.
 */
export function startAfterBoot(store: Records): void {
  const { database } = store;
  const boot = thisBoot();
  if (lastBoot(database) === boot) return;
  const due = inTransaction(database, () => {
    const last = lastBoot(database); // another command may have come first
    if (last === boot) return [];
    putBoot(database, boot);
    // A store of before this was noted has seen no boot go by.
    return last === undefined ? [] : makeStoppedDue(database, Date.now());
  });
  for (const id of due) sendFor(store, id);
}

/** Sends teus to start what is overdue: those that were to do it have been killed. */
export function sendForOverdue(store: Records): void {
  for (const record of restartsDue(store.database, Date.now(), OVERDUE_MS)) {
    // The next command need not send one more.
    inTransaction(store.database, () => putRestart(store.database, { ...record, dueAt: Date.now() }));
    sendFor(store, record.container);
  }
}

/** Starts a teu in the background that does what follows the end of container `id`. */
export function sendFor(store: Records, id: string): void {
  const { words, env } = afterExit(store, id);
  Bun.spawn(words, { cwd: "/", env, stdio: ["ignore", "ignore", "ignore"], detached: true }).unref();
}
