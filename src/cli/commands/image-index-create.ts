/** `teu image index create`. */
import { createIndex, InvalidOption, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { ANNOTATION_FLAG, pairsOf, printEdited, TAG_FLAG } from "../edit-flags.ts";

export const command = teuCommand({
  name: "teu image index create",
  summary: "Make an index of images",
  description:
    "The platform of each is what its config says. Of an IMAGE that is an index, the entries are taken over.",
  flags: {
    annotation: ANNOTATION_FLAG,
    tag: { ...TAG_FLAG, summary: "What it is called" },
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE", isRepeated: true }],
  examples: [
    { command: "teu image index create -t app:1 app:1-amd64 app:1-arm64", says: "Two platforms, one name" },
  ],
  async run({ flags, arguments: names }, { environment }) {
    const { tag } = flags;
    if (tag === undefined)
      throw new InvalidOption({ option: "--tag", value: "" }, "Give the index a name: --tag NAME");
    const annotations = { set: pairsOf("--annotation", flags.annotation), remove: [] };
    printEdited(createIndex(await openEngine(environment), names, { tag, annotations }), flags);
    return 0;
  },
});
