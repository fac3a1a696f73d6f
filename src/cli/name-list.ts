/** Lists of names that come from a registry, one a line as they come, or as JSON. */
import { print } from "../base/index.ts";
import { printable } from "./text.ts";

export const LIMIT_FLAG = {
  kind: "integer",
  value: "N",
  summary: "The first N alone (default all)",
} as const;

/** @returns the exit status */
export async function printNames(names: AsyncIterable<string>, isJSON: boolean): Promise<number> {
  if (isJSON) print(`${JSON.stringify(await Array.fromAsync(names))}\n`);
  else for await (const name of names) print(`${printable(name)}\n`);
  return 0;
}
