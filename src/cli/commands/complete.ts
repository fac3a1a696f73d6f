/** What the scripts of `teu completion` ask: how the last of the words may go on, one possibility a line. */
import { print } from "../../base/index.ts";
import { complete } from "../complete.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu complete",
  summary: "Tell a shell how a word may go on, for teu itself",
  flags: {},
  arguments: [{ name: "WORD", isOptional: true, isRepeated: true }],
  stopsAtArgument: true,
  examples: [],
  async run({ arguments: words }, context) {
    print((await complete(words, context)).map((word) => `${word}\n`).join(""));
    return 0;
  },
});
