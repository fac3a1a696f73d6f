/** `teu image flatten`: one layer of all. Crane's words. */
import { flattenImage, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { EDIT_FLAGS, editOptions, printEdited } from "../edit-flags.ts";
import { sourceDateEpoch } from "../source-date.ts";

export const command = teuCommand({
  name: "teu image flatten",
  summary: "Make one layer of all layers of an image",
  description: `What lower layers hide is no longer in it. The config stays, but for its history. The same image gives the same layer; with SOURCE_DATE_EPOCH set, no file in it is younger.`,
  flags: EDIT_FLAGS,
  arguments: [{ name: "IMAGE" }],
  examples: [{ command: "teu image flatten -t app:flat app:1", says: "Leave what was deleted behind" }],
  async run({ flags, arguments: [name = ""] }, context) {
    const options = { ...editOptions(flags), sourceDateEpoch: sourceDateEpoch(context) };
    printEdited(await flattenImage(await openEngine(context.environment), name, options), flags);
    return 0;
  },
});
