/** `teu image annotate`: annotations of manifests, indexes and their entries. */
import { annotateImage, InvalidOption, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { ANNOTATION_FLAG, pairsOf, printEdited, TAG_FLAG } from "../edit-flags.ts";

export const command = teuCommand({
  name: "teu image annotate",
  summary: "Set annotations of an image or an index, or take them away",
  description: `Config and layers stay as they are. A manifest of docker's, which has no annotations, becomes one of the image specification. Of an index, its own
annotations are meant, or with --entry those by which it tells of one image.`,
  flags: {
    annotation: ANNOTATION_FLAG,
    remove: { kind: "list", value: "KEY", summary: "Take an annotation away" },
    entry: { kind: "string", value: "PLATFORM|DIGEST", summary: "Of an index: annotate this entry" },
    tag: TAG_FLAG,
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [
    {
      command: "teu image annotate -a org.opencontainers.image.version=1.2 app:1",
      says: "Say which version it is",
    },
    { command: "teu image annotate --entry linux/arm64 -a tested=yes app:all", says: "Of one platform" },
  ],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    const change = { set: pairsOf("--annotation", flags.annotation), remove: flags.remove };
    if (flags.annotation.length + flags.remove.length === 0)
      throw new InvalidOption(
        { option: "--annotation", value: "" },
        "Say what to annotate: --annotation KEY=VALUE or --remove KEY",
      );
    const { tag, entry } = flags;
    printEdited(annotateImage(await openEngine(environment), name, change, { tag, entry }), flags);
    return 0;
  },
});
