/**
 * Tells others what changed, as CloudEvents over HTTP. An event is written down in the transaction of its change and sent until
 * the other side has taken it, in order, across restarts: it may come twice, and is lost only if nobody takes it for a week.
 * Source: CloudEvents 1.0.2; its HTTP protocol binding, structured mode.
 */
import { compileGlob, type Glob } from "../auth/glob.ts";
import type { SqliteEvents } from "../storage/sqlite-events.ts";

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
}

const PATIENCE: Patience = { timeoutMs: 10_000, firstDelayMs: 1_000, maxDelayMs: 5 * 60_000 };
const BATCH = 100;
const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/** Sends to all endpoints until it is disposed of. */
export class EventSender implements AsyncDisposable {
  readonly #events: SqliteEvents;
  readonly #patience: Patience;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>[];
  #wake = Promise.withResolvers<void>();

  constructor(
    events: SqliteEvents,
    endpoints: readonly EventEndpoint[],
    onError: (error: unknown) => void,
    patience: Patience = PATIENCE,
  ) {
    this.#events = events;
    this.#patience = patience;
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
      for (const { number, repository, body } of batch) {
        if (matches(globs, repository) && !(await this.#deliver(endpoint, body))) return;
        this.#events.advance(endpoint.url, number);
      }
      this.#events.prune(Date.now() - MAX_AGE_MS);
    }
  }

  /** Sends until it was taken. @returns false: we were told to end before */
  async #deliver(endpoint: EventEndpoint, body: string): Promise<boolean> {
    const { timeoutMs, firstDelayMs, maxDelayMs } = this.#patience;
    const { signal } = this.#ending;
    for (let delayMs = firstDelayMs; !signal.aborted; delayMs = Math.min(delayMs * 2, maxDelayMs)) {
      const response = await fetch(endpoint.url, {
        method: "POST",
        headers: { ...endpoint.headers, "content-type": "application/cloudevents+json; charset=utf-8" },
        body,
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      }).catch(() => undefined); // whatever it was, it is tried again
      await response?.body?.cancel();
      // Gone: the other side wants none any more (CloudEvents HTTP webhook, 2.1).
      if (response?.ok || response?.status === 410) return true;
      await Promise.race([Bun.sleep(delayMs), aborted(signal)]);
    }
    return false;
  }
}

function matches(globs: readonly Glob[], repository: string): boolean {
  return globs.some((glob) => glob(repository));
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
