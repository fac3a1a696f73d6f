/** `teu diff`. Docker's letters. */
import { print } from "../../base/index.ts";
import { changesOf, findContainer, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";

const LETTERS = { added: "A", changed: "C", deleted: "D" } as const;

export const command = teuCommand({
  name: "teu diff",
  summary: "Show what a container has written: added (A), changed (C), deleted (D)",
  flags: { json: JSON_FLAG },
  arguments: [{ name: "CONTAINER" }],
  examples: [{ command: "teu diff web", says: "See what 'teu commit' would keep" }],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    const store = await openEngine(environment);
    const changes = changesOf(store, findContainer(store, name));
    if (flags.json) print(`${JSON.stringify(changes)}\n`);
    else print(changes.map(({ kind, path }) => `${LETTERS[kind]} ${path}\n`).join(""));
    return 0;
  },
});
