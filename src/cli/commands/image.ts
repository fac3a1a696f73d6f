/** `teu image`: docker's nouns for the commands of images. */
import type { CommandTable } from "../../base/index.ts";
import { aliases } from "../aliases.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  ...aliases({
    inspect: "inspect",
    load: "load",
    ls: "images",
    pull: "pull",
    push: "push",
    rm: "rmi",
    save: "save",
    tag: "tag",
  }),
  diff: {
    summary: "Show which files of two images differ",
    load: async () => (await import("./image-diff.ts")).command,
  },
  files: {
    summary: "Show which layer brought which files, and what is wasted",
    load: async () => (await import("./image-files.ts")).command,
  },
  history: {
    summary: "Show how an image came to be",
    load: async () => (await import("./history.ts")).command,
  },
  prune: {
    summary: "Remove images that nobody needs",
    load: async () => (await import("./image-prune.ts")).command,
  },
};

export const command = commandGroup(
  {
    name: "teu image",
    summary: "Commands about images, by docker's long names",
    examples: [{ command: "teu image history debian", says: "Show what made which layer" }],
  },
  TABLE,
);
