/**
 * What a name without a registry means: an alias, or a repository at one of the registries that registries.conf names; where it says nothing,
 * docker.io, as docker has it. Nobody is asked to choose: of several registries the first that has the image counts, or with "enforcing" none does.
 * Source: containers-registries.conf(5), unqualified image names and short-name aliasing.
 */
import { TeuError } from "../../base/index.ts";
import { parseReference } from "../../spec/index.ts";
import { registriesConfFiles } from "./registries-conf.ts";
import { Fields, InvalidConfiguration, readTOML } from "./toml.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** registries.conf wants somebody to choose, or leaves nothing to choose from. */
export class ShortNameRefused extends TeuError<
  "short-name-refused",
  { name: string; candidates: readonly string[] }
> {
  constructor(context: { name: string; candidates: readonly string[] }) {
    const { name, candidates } = context;
    const why =
      candidates.length === 0
        ? "registries.conf names no registry to look in, and has no alias for it"
        : `registries.conf forbids to guess between ${candidates.join(", ")}`;
    super("short-name-refused", "invalid", context, `Cannot tell where ${name} is: ${why}`, {
      hint: "Write the registry before the name",
    });
  }
}

/** Whether `text` says no registry. */
export function isShortName(text: string): boolean {
  const [first = ""] = text.split("/");
  const isHost = text.includes("/") && (/[.:A-Z]/.test(first) || first === "localhost");
  return !isHost && !/^(sha256:)?[0-9a-f]{64}$/.test(text);
}

/**
 * The names that `text` may mean, in the order in which they are tried; `text` itself where nothing is configured.
 * @throws {ShortNameRefused} {InvalidConfiguration} {InvalidReference}
 */
export function shortNameCandidates(text: string, environment: Environment): readonly string[] {
  parseReference(text);
  if (!isShortName(text)) return [text];
  const { aliases, search, mode } = readShortNames(environment);
  const [, name = text, rest = ""] = /^([^:@]+)(.*)$/s.exec(text) ?? [];
  const alias = mode === "disabled" ? undefined : aliases.get(name);
  if (alias !== undefined) return [`${alias}${rest}`];
  if (search === undefined) return [text];
  const candidates = search.map((registry) => `${registry}/${text}`);
  if (candidates.length === 0 || (mode === "enforcing" && candidates.length > 1))
    throw new ShortNameRefused({ name: text, candidates });
  return candidates;
}

const MODES = ["enforcing", "permissive", "disabled"];

/** Later files replace what earlier ones say; an alias to nothing is taken away. */
function readShortNames(environment: Environment) {
  const aliases = new Map<string, string>();
  let search: readonly string[] | undefined;
  let mode = "permissive";
  for (const path of registriesConfFiles(environment)) {
    const document = readTOML(path);
    if (document === undefined) continue;
    const fields = new Fields(document, path, "");
    if (document["unqualified-search-registries"] !== undefined)
      search = fields.strings("unqualified-search-registries");
    mode = fields.string("short-name-mode") ?? mode;
    if (!MODES.includes(mode))
      throw new InvalidConfiguration({
        path,
        reason: `short-name-mode: wants one of ${MODES.join(", ")}`,
      });
    for (const [name, target] of Object.entries(document["aliases"] ?? {})) {
      if (typeof target !== "string")
        throw new InvalidConfiguration({ path, reason: `aliases.${name}: wants a text` });
      if (target === "") aliases.delete(name);
      else aliases.set(name, target);
    }
  }
  return { aliases, search, mode };
}
