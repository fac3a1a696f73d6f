/** Commands under another name: docker's nouns. */
import type { CommandTable } from "../base/index.ts";
import type { CliContext } from "./context.ts";
import { COMMANDS } from "./table.ts";

/** Docker's further words for what it calls `ls` and `rm`. */
const FURTHER = { list: "ls", remove: "rm" } as const;

/** `table`, in which some commands have one more word each, that help does not list. @param words  More of them, and what they mean */
export function alsoCalled(
  table: CommandTable<CliContext>,
  words: Readonly<Record<string, string>> = {},
): CommandTable<CliContext> {
  const further = Object.entries({ ...FURTHER, ...words }).flatMap(([word, name]) => {
    const entry = table[name];
    return entry === undefined || table[word] !== undefined ? [] : [[word, { ...entry, hidden: true }]];
  });
  return { ...Object.fromEntries(further), ...table };
}

/** A table of commands that are in the main one, by the words for them here and there. */
export function aliases(words: Readonly<Record<string, string>>): CommandTable<CliContext> {
  return Object.fromEntries(
    Object.entries(words).flatMap(([word, name]) => {
      const entry = COMMANDS[name];
      return entry === undefined ? [] : [[word, { summary: entry.summary, load: entry.load }]];
    }),
  );
}
