/** `teu image rebase`: the layers of an image on another base. Crane's words. */
import { openEngine, rebaseImage } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { EDIT_FLAGS, editOptions, printEdited } from "../edit-flags.ts";

const BASE = { kind: "string", value: "IMAGE" } as const;

export const command = teuCommand({
  name: "teu image rebase",
  summary: "Put the layers of an image onto another base",
  description: `Nothing is built or run again: what the new base brings must suit the layers above. The bases are here already ('teu pull'). What is not said is taken from
the annotations org.opencontainers.image.base.digest and .name, which the new image has too.`,
  flags: {
    old_base: { ...BASE, aliases: ["old-base"], summary: "What it stands on" },
    new_base: { ...BASE, aliases: ["new-base"], summary: "What it is to stand on" },
    ...EDIT_FLAGS,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [
    {
      command: "teu image rebase --old_base debian:12.1 --new_base debian:12.2 -t app:2 app:1",
      says: "Take over what was mended in the base",
    },
  ],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    const bases = { oldBase: flags.old_base, newBase: flags.new_base };
    printEdited(await rebaseImage(await openEngine(environment), name, bases, editOptions(flags)), flags);
    return 0;
  },
});
