/** What `labels`, `env`, `tag` of --log-opt have logs tell of a container beside its lines. Source: docker documentation, log tags; docker logs reference, --details. */
import type { LogChoice } from "../options/log.ts";

/** A name and a value each: the labels and variables that the options name or match, those that the container has. */
export function extrasOf(
  { options }: LogChoice,
  labels: Readonly<Record<string, string>>,
  environment: readonly string[],
): [name: string, value: string][] {
  const variables = environment.map((entry): [string, string] => {
    const [name = "", value = ""] = entry.split(/=(.*)/s);
    return [name, value];
  });
  return [
    ...named(Object.entries(labels), options["labels"], options["labels-regex"]),
    ...named(variables, options["env"], options["env-regex"]),
  ];
}

function named(
  entries: readonly [string, string][],
  names: string | undefined,
  pattern: string | undefined,
): [string, string][] {
  const wanted = (names ?? "").split(",");
  const matches = pattern === undefined || pattern === "" ? undefined : new RegExp(pattern);
  return entries.filter(([name]) => name !== "" && (wanted.includes(name) || matches?.test(name) === true));
}

/** `app=shop,tag=blue`, by name, escaped as in a query: what stands before each line. */
export function encodeExtras(extras: readonly (readonly [string, string])[]): string {
  return [...new Map(extras)]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map((pair) => pair.map(escaped).join("="))
    .join(",");
}

function escaped(text: string): string {
  return encodeURIComponent(text)
    .replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}
