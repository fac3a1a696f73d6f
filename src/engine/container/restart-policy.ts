/**
 * Whether a container that has ended is started again, and when. Pure.
 * Source: docker run reference, restart policies; moby daemon/internal/restartmanager.
 */
import { InvalidOption } from "../options/error.ts";

/**
 * What a person asked for. `always` and `unless-stopped` differ only after a reboot: there the first command starts what has `always`, and
 * leaves what was stopped by hand and has another policy as it is.
 */
export interface RestartPolicy {
  readonly name: "always" | "unless-stopped" | "on-failure";
  /** Of on-failure; absent: for ever. */
  readonly maxAttempts?: number;
}

/** What is known of the last run, and of the restarts before it. */
export interface LastRun {
  readonly status: number;
  readonly ranMs: number;
  /** Somebody stopped it. */
  readonly wasStopped: boolean;
  readonly attempts: number;
  readonly delayMs: number;
}

const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 60_000;
/** Who has run so long has started well: the next wait is the first one again. */
const GOOD_RUN_MS = 10_000;

/** `no`, `always`, `unless-stopped`, `on-failure[:ATTEMPTS]`. @throws {InvalidOption} */
export function parseRestartPolicy(text: string): RestartPolicy | undefined {
  if (text === "no" || text === "") return undefined;
  const [, name = "", attempts] = /^([a-z-]+)(?::(\d+))?$/.exec(text) ?? [];
  if (name === "on-failure")
    return { name, ...(attempts !== undefined && Number(attempts) > 0 && { maxAttempts: Number(attempts) }) };
  if ((name === "always" || name === "unless-stopped") && attempts === undefined) return { name };
  throw new InvalidOption(
    { option: "--restart", value: text },
    `Invalid restart policy ${JSON.stringify(text)}: wants no, always, unless-stopped or on-failure[:ATTEMPTS]`,
  );
}

/**
 * How long a container that is due is still to be waited for. `dueAt` is a time of day, which may be set back or forward meanwhile: nobody waits
 * for longer than was noted.
 * @param waitedMs  For how long we have waited, by a clock that nobody sets.
 */
export function remainingMs(
  { dueAt, delayMs }: { readonly dueAt: number; readonly delayMs: number },
  nowMs: number,
  waitedMs: number,
): number {
  return Math.min(dueAt - nowMs, delayMs - waitedMs);
}

/** The next attempt, or undefined when there is none. */
export function nextAttempt(
  policy: RestartPolicy | undefined,
  { status, ranMs, wasStopped, attempts, delayMs }: LastRun,
): { readonly attempts: number; readonly delayMs: number } | undefined {
  if (policy === undefined || wasStopped) return undefined;
  const isGood = ranMs >= GOOD_RUN_MS;
  const made = isGood ? 0 : attempts;
  if (
    policy.name === "on-failure" &&
    (status === 0 || made >= (policy.maxAttempts ?? Number.POSITIVE_INFINITY))
  )
    return undefined;
  const next = isGood || delayMs === 0 ? FIRST_DELAY_MS : Math.min(2 * delayMs, LAST_DELAY_MS);
  return { attempts: made + 1, delayMs: next };
}
