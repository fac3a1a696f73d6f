/** `teu version`: which teu this is, and what it is built on. */
import { commit, print, version } from "../../base/index.ts";

export async function run(words: readonly string[]): Promise<number> {
  if (words.includes("--json")) print(`${JSON.stringify({ version, commit, bun: Bun.version })}\n`);
  else print(`teu version ${version}\ncommit: ${commit}\nbun: ${Bun.version}\n`);
  return 0;
}
