/** One health check of one container: a program in it, its answer, and what follows for the record. Source: moby daemon/health.go. */
import { closeSync, openSync } from "node:fs";
import { ageMs } from "../../base/index.ts";
import { childEnded, pipe } from "../../sys/index.ts";
import { driverOf } from "../container/driver-of.ts";
import { processOf, tellOfExec } from "../container/exec.ts";
import type { HealthCheck } from "../options/health.ts";
import { type ContainerRecord, findContainers } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { findHealth, type HealthRecord, type HealthResult, putHealth } from "../store/health.ts";
import { bundleDirectory, type Store } from "../store/store.ts";

const MAX_OUTPUT_BYTES = 4096;
/** Results that are kept. */
const KEPT = 5;
/** Of a check that did not answer. */
const NO_ANSWER = -1;
const LAST_WORDS_MS = 50;

/** Runs the check's program in the container; one that takes too long is killed. */
export async function runCheck(
  store: Store,
  container: ContainerRecord,
  { command, timeoutMs }: HealthCheck,
): Promise<HealthResult> {
  const start = Date.now();
  const answer = (exitStatus: number, output: string): HealthResult => ({
    ...{ start, end: Date.now(), exitStatus, output },
  });
  const { read, write } = pipe();
  const nothing = openSync("/dev/null", "r");
  const said = firstBytes(read);
  let pid: number;
  let told: ReturnType<typeof tellOfExec>;
  try {
    const driver = await driverOf(store, container.settings.runtime);
    const bundle = bundleDirectory(store, container.id);
    const process = await processOf(bundle, {
      args: command,
      environment: [],
      interactive: false,
      terminal: false,
    });
    const stdio = [nothing, write, write] as const;
    const { users } = container.settings;
    if (users !== undefined) (await import("../users/process.ts")).giveStreams(users, process.user, [write]);
    told = tellOfExec(store, container, command);
    ({ pid } = await driver.exec({ id: container.id, bundle, process, stdio, onTerminal: closeSync }));
  } catch (error) {
    return answer(NO_ANSWER, error instanceof Error ? error.message : String(error));
  } finally {
    closeSync(nothing);
    closeSync(write);
  }
  const ended = childEnded(pid);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    process.kill(pid, "SIGKILL");
  }, timeoutMs);
  const { status } = await ended;
  clearTimeout(timer);
  told.ended(status);
  if (isLate) return answer(NO_ANSWER, `Health check exceeded timeout (${timeoutMs / 1000}s)`);
  // What it left running may hold the pipe for ever.
  await Promise.race([said.ended, Bun.sleep(LAST_WORDS_MS)]);
  return answer(status, said.text());
}

/** The first bytes that come out of `reader`, which is read to its end: nobody shall wait for us. */
function firstBytes(reader: number): { readonly ended: Promise<void>; text(): string } {
  const kept: Uint8Array[] = [];
  let length = 0;
  const readAll = async () => {
    try {
      for await (const chunk of Bun.file(reader).stream() as unknown as AsyncIterable<Uint8Array>) {
        const part = chunk.slice(0, MAX_OUTPUT_BYTES - length);
        if (part.length > 0) kept.push(part);
        length += part.length;
      }
    } finally {
      closeSync(reader);
    }
  };
  return { ended: readAll(), text: () => Buffer.concat(kept).toString("utf8") };
}

/** Records a result, and how the container is by it. @returns whether it has just become unhealthy */
export function noteResult(
  store: Store,
  { id, startedAt }: Pick<ContainerRecord, "id" | "startedAt">,
  { retries, startPeriodMs, timeoutMs }: HealthCheck,
  result: HealthResult,
): boolean {
  return inTransaction(store.database, () => {
    const before = findHealth(store.database, id);
    const now = findContainers(store.database, store.namespace, id)[0];
    // It has ended meanwhile, or begun anew.
    if (before === undefined || now?.phase !== "running" || now.startedAt !== startedAt) return false;
    // Its monitor's age: the time of day may have been set since, and a start period of hours would hide failures.
    const tookMs = Math.min(Math.max(result.end - result.start, 0), timeoutMs);
    const isEarly = before.status === "starting" && ageMs(now.owner) - tookMs < startPeriodMs;
    const after = healthAfter(before, result, { retries, isEarly });
    putHealth(store.database, after);
    return after.status === "unhealthy" && before.status !== "unhealthy";
  });
}

/** Pure. @param options.isEarly  A failure does not count yet. */
export function healthAfter(
  before: HealthRecord,
  result: HealthResult,
  { retries, isEarly }: { readonly retries: number; readonly isEarly: boolean },
): HealthRecord {
  const log = [...before.log, result].slice(-KEPT);
  const { container, status } = before;
  if (result.exitStatus === 0) return { container, status: "healthy", failingStreak: 0, log };
  if (isEarly) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  return { container, status: failingStreak >= retries ? "unhealthy" : status, failingStreak, log };
}
