/** Lists of names that come from a registry, one a line as they come, or as JSON. */
import { print } from "../base/index.ts";
import { printable } from "./text.ts";

export const LIMIT_FLAG = {
  kind: "integer",
  value: "N",
  summary: "The first N alone (default all)",
} as const;

export const FULL_REF_FLAG = {
  kind: "boolean",
  summary: "Whole names, with the registry, as other commands take them",
} as const;

/** `before` in front of each. */
export async function* prefixed(before: string, names: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const name of names) yield `${before}${name}`;
}

/** @returns the exit status */
export async function printNames(names: AsyncIterable<string>, isJSON: boolean): Promise<number> {
  if (isJSON) print(`${JSON.stringify(await Array.fromAsync(names))}\n`);
  else for await (const name of names) print(`${printable(name)}\n`);
  return 0;
}
