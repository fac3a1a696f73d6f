/** Which boot of the machine the store was opened in last: a new one is found out by the first command in it, as there is no daemon. */
import type { Database } from "bun:sqlite";

/** The ID of that boot; undefined in a store that was not opened before. */
export function lastBoot(database: Database): string | undefined {
  return database.query<{ id: string }, []>("SELECT id FROM boots").get()?.id;
}

/** The caller is in a transaction. */
export function putBoot(database: Database, id: string): void {
  database.run("DELETE FROM boots");
  database.query("INSERT INTO boots VALUES (?1)").run(id);
}
