/** Files that stand in for flags. */
import { readFileSync } from "node:fs";
import { parseEnvironmentFile } from "../engine/index.ts";

/** The lines of a file of variables, or of labels. */
export function readLines(path: string): string[] {
  return parseEnvironmentFile(readFileSync(path), path);
}
