/** `teu image index append`. */
import { appendToIndex, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { printEdited, TAG_FLAG } from "../edit-flags.ts";

export const command = teuCommand({
  name: "teu image index append",
  summary: "Add images to an index",
  description: "What is in it already stays as it is; an image that is in it is not added again.",
  flags: { tag: TAG_FLAG, json: JSON_FLAG },
  arguments: [{ name: "INDEX" }, { name: "IMAGE", isRepeated: true }],
  examples: [{ command: "teu image index append app:1 app:1-riscv64", says: "One more platform" }],
  async run({ flags, arguments: [index = "", ...names] }, { environment }) {
    printEdited(appendToIndex(await openEngine(environment), index, names, { tag: flags.tag }), flags);
    return 0;
  },
});
