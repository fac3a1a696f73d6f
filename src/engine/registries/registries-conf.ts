/**
 * What containers-registries.conf says of a name: other places, mirrors, plain http, or that it is blocked. Version 2, and its folders.
 * Source: containers-registries.conf(5), containers-registries.conf.d(5).
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Fields, readTOML } from "./toml.ts";

/** Which references a mirror is asked for. */
export type MirrorUse = "all" | "digest-only" | "tag-only";

/** A place in the stead of a prefix of names. */
export interface Location {
  /** `mirror.example:5000/hub`: registry, and the beginning of repositories there. */
  readonly location: string;
  readonly isInsecure: boolean;
}

/** What is said of one prefix. */
export interface RegistryRule {
  /** `docker.io/library`, `*.example.com`. */
  readonly prefix: string;
  /** Absent: the prefix itself. */
  readonly location?: string;
  readonly isInsecure: boolean;
  readonly isBlocked: boolean;
  readonly mirrors: readonly (Location & { readonly use: MirrorUse })[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const SYSTEM = "/etc/containers/registries.conf";

/** The user's own file takes the place of the system's; files of folders add rules, and replace those of the same prefix. @throws {InvalidConfiguration} */
export function readRegistriesConf(environment: Environment): readonly RegistryRule[] {
  const rules = new Map<string, RegistryRule>();
  for (const path of registriesConfFiles(environment))
    for (const rule of readRules(path)) rules.set(rule.prefix, rule);
  return [...rules.values()];
}

/** The files in the order in which they are read; not all need be there. */
export function registriesConfFiles(environment: Environment): readonly string[] {
  const home =
    environment["XDG_CONFIG_HOME"] ||
    (environment["HOME"] ? join(environment["HOME"], ".config") : undefined);
  const own = home === undefined ? undefined : join(home, "containers/registries.conf");
  const forced = environment["CONTAINERS_REGISTRIES_CONF"];
  const main = forced || (own !== undefined && existsSync(own) ? own : SYSTEM);
  const folders = forced ? [] : [`${SYSTEM}.d`, ...(own === undefined ? [] : [`${own}.d`])];
  return [main, ...folders.flatMap(filesIn)];
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".conf"));
  return names.sort().map((name) => join(folder, name));
}

function readRules(path: string): RegistryRule[] {
  const document = readTOML(path);
  if (document === undefined) return [];
  return new Fields(document, path, "").tables("registry").flatMap(([, table]): RegistryRule[] => {
    const location = table.string("location");
    const prefix = table.string("prefix") ?? location;
    if (prefix === undefined) return [];
    const onlyDigests = table.boolean("mirror-by-digest-only");
    const mirrors = table.tables("mirror").flatMap(([, mirror]) => {
      const at = mirror.string("location");
      const use = (mirror.string("pull-from-mirror") ?? (onlyDigests ? "digest-only" : "all")) as MirrorUse; // an unknown word is used as all
      return at === undefined ? [] : [{ location: at, isInsecure: mirror.boolean("insecure"), use }];
    });
    return [
      {
        prefix,
        ...(location !== undefined && { location }),
        isInsecure: table.boolean("insecure"),
        isBlocked: table.boolean("blocked"),
        mirrors,
      },
    ];
  });
}

/** The rule of the longest prefix of `name`, registry and repository, and what `location` makes of the name. */
export function ruleFor(rules: readonly RegistryRule[], name: string): RegistryRule | undefined {
  const fitting = rules.filter(({ prefix }) => lengthOf(prefix, name) > 0);
  return fitting.sort((one, other) => lengthOf(other.prefix, name) - lengthOf(one.prefix, name))[0];
}

/** `name` with the prefix of `rule` replaced by `location`. */
export function relocate(rule: RegistryRule, location: string, name: string): string {
  return `${location}${name.slice(lengthOf(rule.prefix, name))}`;
}

/** How much of `name` a prefix stands for, at the end of a host or a component; 0: it does not fit. */
function lengthOf(prefix: string, name: string): number {
  if (prefix.startsWith("*.")) {
    const host = name.slice(0, name.indexOf("/"));
    const [, rest = ""] = /^[^/]*(\/.*)?$/.exec(prefix) ?? [];
    const suffix = prefix.slice(1, prefix.length - rest.length);
    const bare = host.replace(/:\d+$/, "");
    const end = host.length + rest.length;
    const fits = (host.endsWith(suffix) || bare.endsWith(suffix)) && name.slice(host.length, end) === rest;
    return fits && isEnd(name, end) ? end : 0;
  }
  return name.startsWith(prefix) && isEnd(name, prefix.length) ? prefix.length : 0;
}

function isEnd(name: string, at: number): boolean {
  return at === name.length || name[at] === "/" || name[at] === ":" || name[at] === "@";
}
