/**
 * The list of images that skopeo's sync reads: registries, their images, and how each registry is spoken to.
 * What is not understood is refused with its line and key: an image that silently is not mirrored is missed when it is too late.
 * Source: skopeo-sync(1), YAML file content.
 */
import { readFileSync } from "node:fs";
import { messageOf, TeuError } from "../../../base/index.ts";
import { isDigest, isTag, parseReference, type Reference } from "../../../spec/index.ts";
import { type Constraint, parseConstraint } from "./semver.ts";
import { type Entry, type Node, parseYAML } from "./yaml.ts";

/** Which tags of a repository: those that are named (or digests), or those of all that fit. */
export type Selection =
  | { readonly kind: "named"; readonly targets: readonly string[] }
  | { readonly kind: "fitting"; readonly fits: (tag: string) => boolean };

/** A repository, and what of it is wanted. */
export interface WantedRepository {
  readonly repository: Reference;
  readonly selection: Selection;
}

/** One registry of the file. */
export interface WantedRegistry {
  readonly repositories: readonly WantedRepository[];
  /** Absent: as the command says. */
  readonly isTLSVerified?: boolean;
  /** `NAME:PASSWORD`. */
  readonly credentials?: string;
  readonly certificates?: string;
}

/** The file cannot be understood. */
export class InvalidSyncFile extends TeuError<
  "invalid-sync-file",
  { path: string; line: number; reason: string }
> {
  constructor(context: { path: string; line: number; reason: string }) {
    const { path, line, reason } = context;
    super(
      "invalid-sync-file",
      "invalid",
      context,
      `Cannot read ${JSON.stringify(path)}: ${line > 0 ? `line ${line}: ` : ""}${reason}`,
    );
  }
}

/** Reads the file at `path`. @throws {InvalidSyncFile} */
export function readSyncFile(path: string): readonly WantedRegistry[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === "ENOENT" ? "it is not there" : messageOf(error);
    throw new InvalidSyncFile({ path, line: 0, reason });
  }
  return parseSyncFile(text, path);
}

/** Parses its text. @throws {InvalidSyncFile} */
export function parseSyncFile(text: string, path: string): readonly WantedRegistry[] {
  const refuse = (line: number, reason: string): never => {
    throw new InvalidSyncFile({ path, line, reason });
  };
  const reader = new Reader(refuse);
  const registries = reader.map(parseYAML(text, refuse), "the file");
  if (registries.length === 0) refuse(1, "it names no registry");
  return registries.map((entry) => reader.registry(entry));
}

const KEYS = ["images", "images-by-tag-regex", "images-by-semver", "credentials", "tls-verify", "cert-dir"];

/** Nodes by what they have to be. */
class Reader {
  readonly #refuse: (line: number, reason: string) => never;

  constructor(refuse: (line: number, reason: string) => never) {
    this.#refuse = refuse;
  }

  registry({ key: registry, value, line }: Entry): WantedRegistry {
    const fields = this.#fields(value, registry, KEYS);
    const each = (name: string, select: (entry: Entry) => Selection): WantedRepository[] => {
      const field = fields.get(name);
      if (field === undefined) return [];
      return this.map(field.value, `${registry}.${name}`).map((entry) => ({
        repository: this.#repository(registry, entry),
        selection: select(entry),
      }));
    };
    const repositories = [
      ...each("images", (entry) => this.#named(entry, `${registry}.images.${entry.key}`)),
      ...each("images-by-tag-regex", (entry) => ({
        kind: "fitting",
        fits: this.#expression(entry, `${registry}.images-by-tag-regex.${entry.key}`),
      })),
      ...each("images-by-semver", (entry) => ({
        kind: "fitting",
        fits: this.#constraint(entry, `${registry}.images-by-semver.${entry.key}`),
      })),
    ];
    if (repositories.length === 0) this.#refuse(line, `${registry}: it names no images`);
    const [credentials, verify, folder] = ["credentials", "tls-verify", "cert-dir"].map((name) =>
      fields.get(name),
    );
    return {
      repositories,
      ...(credentials !== undefined && { credentials: this.#credentials(credentials, registry) }),
      ...(verify !== undefined && { isTLSVerified: this.#boolean(verify.value, `${registry}.tls-verify`) }),
      ...(folder !== undefined && { certificates: this.#text(folder.value, `${registry}.cert-dir`) }),
    };
  }

  map(node: Node, where: string): readonly Entry[] {
    if (node.kind === "nothing") return [];
    return node.kind === "map" ? node.entries : this.#refuse(node.line, `${where}: wants a map`);
  }

  #fields(node: Node, where: string, known: readonly string[]): Map<string, Entry> {
    const entries = this.map(node, where);
    for (const { key, line } of entries)
      if (!known.includes(key))
        this.#refuse(line, `${where}: unknown key ${JSON.stringify(key)}, wants one of ${known.join(", ")}`);
    return new Map(entries.map((entry) => [entry.key, entry]));
  }

  #repository(registry: string, { key, line }: Entry): Reference {
    let reference: Reference;
    try {
      reference = parseReference(`${registry}/${key}`);
    } catch (error) {
      return this.#refuse(line, messageOf(error));
    }
    if (/[@]|:[^/]*$/.test(key))
      this.#refuse(line, `${JSON.stringify(key)}: wants a repository; tags and digests stand in its list`);
    return reference;
  }

  #named({ value }: Entry, where: string): Selection {
    if (value.kind === "nothing") return { kind: "fitting", fits: () => true };
    if (value.kind !== "list") return this.#refuse(value.line, `${where}: wants a list of tags and digests`);
    if (value.items.length === 0) return { kind: "fitting", fits: () => true };
    const targets = value.items.map((item) => {
      const text = this.#text(item, where);
      if (!isTag(text) && !isDigest(text))
        this.#refuse(item.line, `${where}: ${JSON.stringify(text)} is neither a tag nor a digest`);
      return text;
    });
    return { kind: "named", targets: [...new Set(targets)] };
  }

  /** Go's words for what JavaScript says otherwise; the rest is the same in both. */
  #expression({ value }: Entry, where: string): (tag: string) => boolean {
    const text = this.#text(value, where);
    const [, flags = "", rest = text] = /^\(\?([ims]+)\)(.*)$/s.exec(text) ?? [];
    const source = rest.replaceAll("(?P<", "(?<").replaceAll("\\A", "^").replaceAll("\\z", "$");
    try {
      const expression = new RegExp(source, flags);
      return (tag) => expression.test(tag);
    } catch (error) {
      return this.#refuse(value.line, `${where}: ${messageOf(error)}`);
    }
  }

  #constraint({ value }: Entry, where: string): Constraint {
    const text = this.#text(value, where);
    return (
      parseConstraint(text) ??
      this.#refuse(
        value.line,
        `${where}: ${JSON.stringify(text)} asks nothing of a version that is understood`,
      )
    );
  }

  #credentials({ value }: Entry, registry: string): string {
    const where = `${registry}.credentials`;
    const fields = this.#fields(value, where, ["username", "password"]);
    const [name, password] = ["username", "password"].map((key) => {
      const field = fields.get(key);
      return field === undefined
        ? this.#refuse(value.line, `${where}: wants ${key}`)
        : this.#text(field.value, `${where}.${key}`);
    });
    if (name?.includes(":")) this.#refuse(value.line, `${where}.username: no name holds a colon`);
    return `${name}:${password}`;
  }

  #text(node: Node, where: string): string {
    return node.kind === "text" ? node.text : this.#refuse(node.line, `${where}: wants a text`);
  }

  #boolean(node: Node, where: string): boolean {
    const text = node.kind === "text" && !node.isQuoted ? node.text.toLowerCase() : "";
    if (text === "true" || text === "false") return text === "true";
    return this.#refuse(node.line, `${where}: wants true or false`);
  }
}
