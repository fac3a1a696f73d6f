/** What the commands of a registry's upkeep share: which registry, and how an answer is printed. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { print, stateRoot } from "../base/index.ts";
import {
  collectionOf,
  type Line,
  type Operation,
  operate,
  parseRegistryConfig,
  policyOf,
} from "../distribution/registry/index.ts";
import { type CliContext, JSON_FLAG } from "./context.ts";

/** Flags by which a registry is named. */
export const REGISTRY_FLAGS = {
  config: { kind: "string", value: "FILE", summary: "The registry's configuration, where it is not served" },
  root: { kind: "string", value: "DIR", summary: "Where images lie (default registry/ below TEU_ROOT)" },
  json: JSON_FLAG,
} as const;

/** Has `operation` done by whoever serves the registry, or here. @returns its result */
export async function operateRegistry(
  flags: { config: string | undefined; root: string | undefined; json: boolean },
  { environment }: CliContext,
  operation: Operation,
  encodeEntry: (entry: Readonly<Record<string, unknown>>) => string | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  const config =
    flags.config === undefined
      ? {}
      : parseRegistryConfig(await readFile(flags.config, "utf8"), JSON.stringify(flags.config));
  const root = flags.root ?? config.root ?? join(stateRoot(environment), "registry");
  let result: Readonly<Record<string, unknown>> = {};
  await operate(
    root,
    { collection: collectionOf(config), policy: policyOf(config) },
    operation,
    (line: Line) => {
      if (line.kind === "result") result = line.result;
      if (flags.json) print(`${JSON.stringify(line.kind === "entry" ? line.entry : line.result)}\n`);
      else if (line.kind === "entry") {
        const text = encodeEntry(line.entry);
        if (text !== undefined) print(`${text}\n`);
      }
    },
  );
  return result;
}
