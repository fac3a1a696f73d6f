/** What a registry does by itself, from time to time, while it serves. */
import { type EventEndpoint, EventSender, type Patience } from "../operate/events.ts";
import type { Uploads } from "../uploads.ts";
import { ContentDamaged, check, type Damage } from "./check.ts";
import { collect } from "./collect.ts";
import { type OperationContext, serveOperations } from "./operations.ts";
import { repeat } from "./schedule.ts";

/** How often, and who is told. */
export interface UpkeepOptions {
  /** How often garbage is collected; without it only when somebody asks. */
  readonly collectEveryMs?: number;
  /** How often everything is read and hashed; damage is an error. */
  readonly scrubEveryMs?: number;
  /** Who is told of changes. */
  readonly events?: readonly EventEndpoint[];
  readonly eventPatience?: Patience;
}

const MINUTE_MS = 60_000;

/** Begins. Disposing ends what is under way and waits until it has ended. @param onError  Told of what goes wrong. */
export function startUpkeep(
  context: OperationContext,
  uploads: Uploads,
  { collectEveryMs = 0, scrubEveryMs = 0, events = [], eventPatience }: UpkeepOptions,
  onError: (error: unknown) => void,
): AsyncDisposable {
  const { storage, collection } = context;
  const upkeep = new AsyncDisposableStack();
  const every = (intervalMs: number, task: (signal: AbortSignal) => Promise<unknown>): void => {
    if (intervalMs > 0) upkeep.use(repeat(intervalMs, task, onError));
  };
  const tellDamage = (damage: Damage): void => onError(new ContentDamaged(damage));
  every(MINUTE_MS, async () => await uploads.expire(Date.now()));
  every(MINUTE_MS, async () => storage.pulls.write());
  every(collectEveryMs, (signal) => collect(storage, { ...collection, isDryRun: false }, undefined, signal));
  every(scrubEveryMs, (signal) => check(storage, tellDamage, collection.isPartial, signal));
  upkeep.use(serveOperations(context));
  const sender = upkeep.use(new EventSender(storage.metadata.events, events, onError, eventPatience));
  if (events.length > 0) storage.metadata.events.onAdded = () => sender.wake();
  return upkeep;
}
