/** Commands under another name: docker's nouns. */
import type { CommandTable } from "../base/index.ts";
import type { CliContext } from "./context.ts";
import { COMMANDS } from "./table.ts";

/** A table of commands that are in the main one, by the words for them here and there. */
export function aliases(words: Readonly<Record<string, string>>): CommandTable<CliContext> {
  return Object.fromEntries(
    Object.entries(words).flatMap(([word, name]) => {
      const entry = COMMANDS[name];
      return entry === undefined ? [] : [[word, { summary: entry.summary, load: entry.load }]];
    }),
  );
}
