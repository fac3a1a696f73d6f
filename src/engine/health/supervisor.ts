/**
 * `teu serve`: what a store needs somebody for who stays: health checks, and containers that begin again after a reboot. It keeps nothing: what it
 * knows is in the records, and when it is killed the next command starts another (decision 0013).
 */
import { watch } from "node:fs";
import { ageMs, hasCode } from "../../base/index.ts";
import { tryLockFile } from "../../sys/index.ts";
import type { HealthCheck } from "../options/health.ts";
import { type ContainerRecord, checkedContainers, containerByID } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { findHealth } from "../store/health.ts";
import type { Store } from "../store/store.ts";
import { actOn } from "./act.ts";
import { noteResult, runCheck } from "./check.ts";
import { lockPath, sendForSupervisor } from "./send.ts";

/** The records may have been changed by somebody who did not write to this folder's files just then. */
const LOOK_AGAIN_MS = 5000;

/**
 * Serves `store` until `signal` says so, or, with `whileNeeded`, until no container has a health check.
 * @returns false: another one does already
 */
export async function serve(
  store: Store,
  signal: AbortSignal,
  options: { readonly whileNeeded: boolean },
): Promise<boolean> {
  const lock = tryLockFile(lockPath(store));
  if (lock === undefined) return false;
  try {
    await look(store, signal, options);
  } finally {
    lock[Symbol.dispose]();
  }
  // A container that was started while we still held the lock was told that somebody is here.
  if (options.whileNeeded) sendForSupervisor(store);
  return true;
}

async function look(
  store: Store,
  signal: AbortSignal,
  { whileNeeded }: { readonly whileNeeded: boolean },
): Promise<void> {
  const checks = new Map<string, AbortController>();
  let wake = Promise.withResolvers<void>();
  const watcher = watch(store.paths.root, () => wake.resolve());
  signal.addEventListener("abort", () => wake.resolve());
  try {
    while (!signal.aborted) {
      wake = Promise.withResolvers<void>();
      // What wakes us is a write by one who has yet to commit it.
      const checked = inTransaction(store.database, () => checkedContainers(store.database));
      const wanted = new Map(checked.map((container) => [runOf(container), container]));
      if (whileNeeded && wanted.size === 0) return;
      for (const [run, stop] of checks)
        if (!wanted.has(run)) {
          stop.abort();
          checks.delete(run);
        }
      for (const [run, container] of wanted)
        if (!checks.has(run)) {
          const stop = new AbortController();
          checks.set(run, stop);
          void checkUntil(store, container, stop.signal);
        }
      await Promise.race([wake.promise, Bun.sleep(LOOK_AGAIN_MS)]);
    }
  } finally {
    watcher.close();
    for (const stop of checks.values()) stop.abort();
  }
}

/** One run of a container: when it is started anew, its checks begin anew. */
function runOf({ id, startedAt }: ContainerRecord): string {
  return `${id} ${startedAt}`;
}

async function checkUntil(store: Store, container: ContainerRecord, signal: AbortSignal): Promise<void> {
  const { health } = container.settings;
  if (health === undefined) return;
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  try {
    for (;;) {
      await Promise.race([Bun.sleep(nextDelay(store, container, health)), stopped]);
      if (signal.aborted) return;
      if (isPaused(store, container)) continue;
      const result = await runCheck(store, container, health);
      if (signal.aborted) return;
      if (noteResult(store, container, health, result)) await actOn(store, container, health);
    }
  } catch (error) {
    // It ended while we looked.
    if (!hasCode(error, "container-not-found") && !hasCode(error, "no-such-container")) throw error;
  }
}

/** In the time after the start it is looked more often, until it is well. */
function nextDelay(store: Store, { id, owner }: ContainerRecord, health: HealthCheck): number {
  const isStarting = findHealth(store.database, id)?.status === "starting";
  const isEarly = ageMs(owner) < health.startPeriodMs;
  return isStarting && isEarly ? Math.min(health.startIntervalMs, health.intervalMs) : health.intervalMs;
}

function isPaused({ database }: Store, { id }: ContainerRecord): boolean {
  return containerByID(database, id)?.isPaused ?? false;
}
