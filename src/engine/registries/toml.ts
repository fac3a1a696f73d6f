/** Configuration files in TOML that others wrote: what is there, and what is wrong in it, by its place. */
import { readFileSync } from "node:fs";
import { messageOf, TeuError } from "../../base/index.ts";

/** A file that cannot be understood: whoever wrote it meant something by it, so nothing is done without it. */
export class InvalidConfiguration extends TeuError<
  "invalid-configuration",
  { path: string; reason: string }
> {
  constructor(context: { path: string; reason: string }) {
    super(
      "invalid-configuration",
      "invalid",
      context,
      `Cannot read ${JSON.stringify(context.path)}: ${context.reason}`,
    );
  }
}

/** The document at `path`; undefined: there is none. @throws {InvalidConfiguration} */
export function readTOML(path: string): Readonly<Record<string, unknown>> | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  try {
    return Bun.TOML.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new InvalidConfiguration({ path, reason: messageOf(error) });
  }
}

/** A table's fields by their kinds, with an error that names file and field. */
export class Fields {
  readonly #table: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #where: string;

  constructor(table: unknown, path: string, where: string) {
    this.#path = path;
    this.#where = where;
    if (typeof table !== "object" || table === null || Array.isArray(table)) throw this.#wrong("", "a table");
    this.#table = table as Record<string, unknown>;
  }

  string(name: string): string | undefined {
    const value = this.#table[name];
    if (value === undefined || typeof value === "string") return value || undefined;
    throw this.#wrong(name, "a text");
  }

  boolean(name: string): boolean {
    const value = this.#table[name] ?? false;
    if (typeof value === "boolean") return value;
    throw this.#wrong(name, "true or false");
  }

  /** One text, or several. */
  strings(name: string): readonly string[] {
    const value = this.#table[name] ?? [];
    const list = Array.isArray(value) ? value : [value];
    if (list.every((item) => typeof item === "string")) return list;
    throw this.#wrong(name, "texts");
  }

  /** Tables below this one, by their names and in their order; or a list of them. */
  tables(name: string): readonly (readonly [string, Fields])[] {
    const value = this.#table[name];
    if (value === undefined) return [];
    if (typeof value !== "object" || value === null) throw this.#wrong(name, "tables");
    return Object.entries(value).map(([key, table]) => [
      key,
      new Fields(table, this.#path, `${this.#where}${name}.${key}.`),
    ]);
  }

  /** As it is. */
  raw(name: string): unknown {
    return this.#table[name];
  }

  #wrong(name: string, wants: string): InvalidConfiguration {
    return new InvalidConfiguration({
      path: this.#path,
      reason: `${`${this.#where}${name}`.replace(/\.$/, "") || "the file"}: wants ${wants}`,
    });
  }
}
