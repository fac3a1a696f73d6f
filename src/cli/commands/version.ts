/** `teu version`: which teu this is, and what it is built on. */
import { commit, print, version } from "../../base/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu version",
  summary: "Show which teu this is",
  flags: { json: JSON_FLAG },
  arguments: [],
  examples: [{ command: "teu version --json", says: "The same for programs" }],
  run({ flags }) {
    const facts = { version, commit, bun: Bun.version };
    if (flags.json) print(`${JSON.stringify(facts)}\n`);
    else print(`teu version ${version}\ncommit: ${commit}\nbun: ${Bun.version}\n`);
    return 0;
  },
});
