/**
 * Tells others what changed, as CloudEvents over HTTP. An event is written down in the transaction of its change and sent until
 * the other side has taken it, in order, across restarts: it may come twice, and is lost only if nobody takes it for a week.
 * Source: CloudEvents 1.0.2; its HTTP protocol binding, structured mode.
 */
import { setTimeout as wait } from "node:timers/promises";
import { messageOf, TeuError } from "../../../base/index.ts";
import { compileGlob, type Glob } from "../auth/glob.ts";
import type { SqliteEvents, StoredEvent } from "../storage/sqlite-events.ts";

/** Somebody who wants to hear. */
export interface EventEndpoint {
  readonly url: string;
  /** Globs; without them everything is told. */
  readonly repositories?: readonly string[];
  /** Sent along: an Authorization, say. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How patient we are. */
export interface Patience {
  readonly timeoutMs: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** What is older is given up, if the other side does not take it. */
  readonly maxAgeMs: number;
}

const PATIENCE: Patience = {
  timeoutMs: 10_000,
  firstDelayMs: 1_000,
  maxDelayMs: 5 * 60_000,
  maxAgeMs: 7 * 24 * 60 * 60 * 1000,
};
const BATCH = 100;

/** An endpoint takes no events; they are kept for it and sent again. */
export class EventNotTaken extends TeuError<"event-not-taken", { endpoint: string; reason: string }> {
  constructor(context: { endpoint: string; reason: string }, cause: unknown) {
    super(
      "event-not-taken",
      "unavailable",
      context,
      `Cannot tell ${context.endpoint} of changes, will go on trying: ${context.reason}`,
      { cause },
    );
  }
}

/** An endpoint took none for so long that it will never hear of some changes. */
export class EventsGivenUp extends TeuError<"events-given-up", { endpoint: string; maxAgeMs: number }> {
  constructor(context: { endpoint: string; maxAgeMs: number }) {
    super(
      "events-given-up",
      "data-loss",
      context,
      `Cannot tell ${context.endpoint} of changes older than ${context.maxAgeMs} ms: it has not taken them, and they are dropped`,
    );
  }
}

/** Of an endpoint that takes no events: what has been said of it. */
interface Outage {
  hasLoss: boolean;
}

/** Sends to all endpoints until it is disposed of. */
export class EventSender implements AsyncDisposable {
  readonly #events: SqliteEvents;
  readonly #patience: Patience;
  readonly #onError: (error: unknown) => void;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>[];
  /** By URL, from the first failure to the next success. */
  readonly #outages = new Map<string, Outage>();
  #wake = Promise.withResolvers<void>();

  constructor(
    events: SqliteEvents,
    endpoints: readonly EventEndpoint[],
    onError: (error: unknown) => void,
    patience: Patience = PATIENCE,
  ) {
    this.#events = events;
    this.#patience = patience;
    this.#onError = onError;
    events.keepFor(endpoints.map(({ url }) => url));
    this.#running = endpoints.map((endpoint) => this.#serve(endpoint).catch(onError));
  }

  /** Something was written down. */
  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    this.wake();
    await Promise.all(this.#running);
  }

  async #serve(endpoint: EventEndpoint): Promise<void> {
    const globs = (endpoint.repositories ?? ["**"]).map(compileGlob);
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const woken = this.#wake.promise;
      const batch = this.#events.after(endpoint.url, BATCH);
      if (batch.length === 0) await woken;
      for (const event of batch) {
        if (matches(globs, event.repository) && !(await this.#deliver(endpoint, event))) return;
        this.#events.advance(endpoint.url, event.number);
      }
      this.#prune();
    }
  }

  /** Sends until it was taken, or is too old. @returns false: we were told to end before */
  async #deliver(endpoint: EventEndpoint, event: StoredEvent): Promise<boolean> {
    const { firstDelayMs, maxDelayMs, maxAgeMs } = this.#patience;
    const { signal } = this.#ending;
    for (let delayMs = firstDelayMs; !signal.aborted; delayMs = Math.min(delayMs * 2, maxDelayMs)) {
      const outage = this.#outages.get(endpoint.url);
      if (outage !== undefined && event.createdAtMs < Date.now() - maxAgeMs) {
        if (!outage.hasLoss) this.#onError(new EventsGivenUp({ endpoint: nameOf(endpoint), maxAgeMs }));
        outage.hasLoss = true;
        return true;
      }
      if (await this.#send(endpoint, event.body)) return true;
      // Else what is written down for who is away would grow until he comes back.
      this.#prune();
      await wait(delayMs, undefined, { signal }).catch(() => undefined); // it fails only when we are told to end, as is asked above
    }
    return false;
  }

  /** Sends once. @returns whether it was taken; the first time that it was not is told of */
  async #send(endpoint: EventEndpoint, body: string): Promise<boolean> {
    const { signal } = this.#ending;
    let reason: string;
    let cause: unknown;
    try {
      const response = await fetch(endpoint.url, {
        method: "POST",
        headers: { ...endpoint.headers, "content-type": "application/cloudevents+json; charset=utf-8" },
        body,
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(this.#patience.timeoutMs)]),
      });
      await response.body?.cancel();
      // Gone: the other side wants none any more (CloudEvents HTTP webhook, 2.1).
      if (response.ok || response.status === 410) {
        this.#outages.delete(endpoint.url);
        return true;
      }
      reason = `it answers with status ${response.status}`;
    } catch (error) {
      reason = messageOf(error);
      cause = error;
    }
    if (signal.aborted || this.#outages.has(endpoint.url)) return false;
    this.#outages.set(endpoint.url, { hasLoss: false });
    this.#onError(new EventNotTaken({ endpoint: nameOf(endpoint), reason }, cause));
    return false;
  }

  #prune(): void {
    this.#events.prune(Date.now() - this.#patience.maxAgeMs);
  }
}

/** The rest of the URL may be a secret. */
function nameOf({ url }: EventEndpoint): string {
  return new URL(url).origin;
}

function matches(globs: readonly Glob[], repository: string): boolean {
  return globs.some((glob) => glob(repository));
}
