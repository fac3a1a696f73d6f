/** Events that are to be told: an outbox, and how far each listener has come. */
import type { Database } from "bun:sqlite";
import { randomUUID } from "node:crypto";
import type { RepositoryName } from "../../../spec/index.ts";

/** What happened to what; the type is `dev.teu.registry.` and this. */
export interface Change {
  readonly type: "manifest.pushed" | "manifest.deleted" | "tag.deleted";
  readonly repository: RepositoryName;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event as it is sent. */
export interface StoredEvent {
  readonly number: number;
  readonly repository: RepositoryName;
  /** A CloudEvent, as JSON. */
  readonly body: string;
  readonly createdAtMs: number;
}

/** See the file's head. */
export class SqliteEvents {
  readonly #database: Database;
  /** Called when events were written down and are there to stay. */
  onAdded: (() => void) | undefined;
  #isWanted = false;
  #hasNew = false;

  constructor(database: Database) {
    this.#database = database;
    // Whom the process that serves tells hears also of what is done while nobody serves.
    const sql = "SELECT EXISTS (SELECT 1 FROM event_listeners) AS isWanted";
    this.#isWanted = database.query<{ isWanted: number }, []>(sql).get()?.isWanted === 1;
  }

  /** From now on changes are written down for these listeners; what others had not heard yet is forgotten. */
  keepFor(listeners: readonly string[]): void {
    this.#isWanted = listeners.length > 0;
    this.#database
      .transaction(() => {
        const last = this.#database.query<{ last: number }, []>(
          "SELECT coalesce(max(number), 0) AS last FROM events",
        );
        const begin = this.#database.query("INSERT OR IGNORE INTO event_listeners VALUES (?1, ?2)");
        const known = this.#database
          .query<{ listener: string }, []>("SELECT listener FROM event_listeners")
          .all();
        for (const { listener } of known)
          if (!listeners.includes(listener))
            this.#database.query("DELETE FROM event_listeners WHERE listener = ?1").run(listener);
        for (const listener of listeners) begin.run(listener, last.get()?.last ?? 0);
      })
      .immediate();
  }

  /** Writes a change down; called in its transaction, after which comes `announce()`. */
  add({ type, repository, data }: Change): void {
    if (!this.#isWanted) return;
    const time = new Date();
    const event = {
      specversion: "1.0",
      id: randomUUID(),
      source: "/v2/",
      type: `dev.teu.registry.${type}`,
      subject: repository,
      time: time.toISOString(),
      datacontenttype: "application/json",
      data: { repository, ...data },
    };
    this.#database
      .query("INSERT INTO events (repository, body, created_at) VALUES (?1, ?2, ?3)")
      .run(repository, JSON.stringify(event), time.getTime());
    this.#hasNew = true;
  }

  /** Tells of what was added since the last time, if anything was; called when it is on disk. */
  announce(): void {
    if (!this.#hasNew) return;
    this.#hasNew = false;
    this.onAdded?.();
  }

  /** The next events that a listener has not heard. */
  after(listener: string, limit: number): StoredEvent[] {
    const sql = `SELECT number, repository, body, created_at AS createdAtMs FROM events
      WHERE number > (SELECT heard FROM event_listeners WHERE listener = ?1) ORDER BY number LIMIT ?2`;
    return this.#database.query<StoredEvent, [string, number]>(sql).all(listener, limit);
  }

  /** A listener has heard everything up to `number`. */
  advance(listener: string, number: number): void {
    this.#database.query("UPDATE event_listeners SET heard = ?2 WHERE listener = ?1").run(listener, number);
  }

  /** Forgets what everybody has heard, and what is too old. */
  prune(beforeMs: number): void {
    const heard = "number <= (SELECT min(heard) FROM event_listeners)";
    this.#database.query(`DELETE FROM events WHERE ${heard} OR created_at < ?1`).run(beforeMs);
  }
}
