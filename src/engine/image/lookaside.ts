/**
 * Where signatures of a registry's images lie: podman's registries.d.
 * Source: containers/image docs/containers-registries.d.5.md; what is not said there is where podman itself puts them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { TeuError } from "../../base/index.ts";
import { encodeReference, type Reference } from "../../spec/index.ts";
import { existsSync, readdirSync } from "../../sys/index.ts";
import { type Node, parseYAML } from "../transfer/sync/yaml.ts";

const SYSTEM = "/etc/containers/registries.d";
const USER = ".config/containers/registries.d";

/** A file of registries.d that cannot be understood: signatures would be looked for in the wrong place. */
export class InvalidRegistriesFile extends TeuError<
  "invalid-registries-file",
  { path: string; line: number; reason: string }
> {
  constructor(context: { path: string; line: number; reason: string }) {
    const { path, line, reason } = context;
    super(
      "invalid-registries-file",
      "invalid",
      context,
      `Cannot read ${JSON.stringify(path)}: line ${line}: ${reason}`,
    );
  }
}

/** The URL below which signatures of `reference` lie, or are written to. @throws {InvalidRegistriesFile} */
export function lookasideOf(
  reference: Reference,
  environment: Readonly<Record<string, string | undefined>>,
  use: keyof Place = "read",
): string {
  const home = environment["HOME"];
  const folder = [...(home === undefined ? [] : [join(home, USER)]), SYSTEM].find(existsSync);
  const { scopes, otherwise } = readFolder(folder);
  const found = scopesOf(reference).map((scope) => scopes.get(scope)?.[use]);
  return found.find((url) => url !== undefined) ?? otherwise?.[use] ?? ownFolder(home);
}

function ownFolder(home: string | undefined): string {
  const isRoot = process.getuid?.() === 0 || home === undefined;
  return pathToFileURL(
    isRoot ? "/var/lib/containers/sigstore" : join(home, ".local/share/containers/sigstore"),
  ).href;
}

/** From the name itself over its namespaces to its host, and the domains of that. */
function scopesOf(reference: Reference): string[] {
  const { registry, repository } = reference;
  const scopes = [encodeReference(reference)];
  for (let at = `${registry}/${repository}`; ; at = at.slice(0, at.lastIndexOf("/"))) {
    scopes.push(at);
    if (at === registry) break;
  }
  for (let dot = registry.indexOf("."); dot >= 0; dot = registry.indexOf(".", dot + 1))
    scopes.push(`*${registry.slice(dot)}`);
  return scopes;
}

/** Where those of one scope are: often people read them from a web server, of which they write to the folder. */
interface Place {
  readonly read: string | undefined;
  readonly write: string | undefined;
}

interface Lookasides {
  readonly scopes: Map<string, Place>;
  otherwise: Place | undefined;
}

/** All files of a folder, as one. */
function readFolder(folder: string | undefined): Lookasides {
  const all: Lookasides = { scopes: new Map(), otherwise: undefined };
  if (folder === undefined) return all;
  const names = readdirSync(folder).map(({ name }) => name);
  for (const name of names.sort()) if (name.endsWith(".yaml")) readFile(join(folder, name), all);
  return all;
}

function readFile(path: string, all: Lookasides): void {
  const refuse = (line: number, reason: string): never => {
    throw new InvalidRegistriesFile({ path, line, reason });
  };
  const map = (node: Node) => {
    if (node.kind === "nothing") return [];
    return node.kind === "map" ? node.entries : refuse(node.line, "wants a map");
  };
  const placeOf = (node: Node): Place => {
    const fields = new Map(map(node).map(({ key, value }) => [key, value]));
    const url = (...names: readonly string[]): string | undefined => {
      const field = names.map((name) => fields.get(name)).find((value) => value !== undefined);
      if (field === undefined) return undefined;
      if (field.kind !== "text" || !URL.canParse(field.text)) return refuse(field.line, "wants a URL");
      return field.text;
    };
    // `sigstore` is what it was called at first.
    const read = url("lookaside", "sigstore");
    return { read, write: url("lookaside-staging", "sigstore-staging") ?? read };
  };
  for (const { key, value, line } of map(parseYAML(readFileSync(path, "utf8"), refuse)))
    switch (key) {
      case "default-docker":
        if (all.otherwise !== undefined) refuse(line, "another file has default-docker too");
        all.otherwise = placeOf(value);
        break;
      case "docker":
        for (const scope of map(value)) {
          if (all.scopes.has(scope.key)) refuse(scope.line, `another file has ${scope.key} too`);
          all.scopes.set(scope.key, placeOf(scope.value));
        }
        break;
      default:
        refuse(line, `unknown key ${JSON.stringify(key)}, wants default-docker or docker`);
    }
}
