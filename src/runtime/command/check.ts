/** `check`: everything that is wrong with a bundle, at once and with nothing made. */

import { checkBundle } from "../machine/check.ts";
import { runtimeCommand } from "./context.ts";
import { print } from "./print.ts";
import { wordsOf } from "./wording.ts";

export const check = runtimeCommand({
  name: "check",
  summary: "show everything that is wrong with a bundle, without making anything",
  description: `The check command reads a bundle's config.json as create would, and prints every issue on a line of its
   own: the field, and what is wrong with it. What create would refuse or fail at before it makes anything is found;
   nothing is made. The exit status is 1 if there is an issue.`,
  flags: {
    json: { kind: "boolean", summary: "print the issues as JSON: an array of objects with field and says" },
  },
  arguments: [{ name: "bundle", isOptional: true }],
  examples: [{ command: "teu runtime check /mycontainer", says: "Check a bundle" }],
  run({ flags: { json }, arguments: [bundle = "."] }) {
    const issues = checkBundle(bundle, wordsOf);
    if (json) print(`${JSON.stringify(issues, undefined, 2)}\n`);
    else print(issues.map(({ field, says }) => `${field}: ${says}\n`).join(""));
    return issues.length === 0 ? 0 : 1;
  },
});
