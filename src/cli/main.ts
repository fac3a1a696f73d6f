/** Finds the command for a name and its words, runs it, and turns what it throws into one line and an exit status. */
import { commit, printError, version } from "../base/index.ts";

/** A command's code: takes the words after its name, answers with the exit status. */
export type Run = (words: readonly string[]) => Promise<number>;

/** Every command by its first word. Behind a function each: only the one that is asked for is loaded. */
const COMMANDS: ReadonlyMap<string, () => Promise<{ run: Run }>> = new Map([
  ["info", () => import("./commands/info.ts")],
  ["version", () => import("./commands/version.ts")],
]);

const ALIASES: ReadonlyMap<string, string> = new Map([
  ["--version", "version"],
  ["-v", "version"],
]);

/** Runs the program called `invokedAs` with `words`. @returns the exit status */
export async function main(invokedAs: string, words: readonly string[]): Promise<number> {
  try {
    return await dispatch(invokedAs.slice(invokedAs.lastIndexOf("/") + 1), words);
  } catch (error) {
    const { report } = await import("./report.ts");
    return report(error, words.includes("--debug"));
  }
}

async function dispatch(name: string, words: readonly string[]): Promise<number> {
  const [first = "--help", ...rest] = words;
  const load = COMMANDS.get(ALIASES.get(first) ?? first);
  if (load !== undefined) return (await load()).run(rest);
  printError(`${name} ${version} (${commit}): '${first}' is not a teu command.\nSee 'teu --help'\n`);
  return 1;
}
