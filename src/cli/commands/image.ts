/** `teu image`: docker's nouns for the commands of images. */
import type { CommandTable } from "../../base/index.ts";
import { aliases, alsoCalled } from "../aliases.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  ...aliases({
    import: "import",
    load: "load",
    ls: "images",
    pull: "pull",
    push: "push",
    rm: "rmi",
    save: "save",
    tag: "tag",
  }),
  inspect: {
    summary: "Show all that is known of images",
    load: async () => (await import("./inspect.ts")).imageCommand,
  },
  annotate: {
    summary: "Set annotations of an image or an index, or take them away",
    load: async () => (await import("./image-annotate.ts")).command,
  },
  diff: {
    summary: "Show which files of two images differ",
    load: async () => (await import("./image-diff.ts")).command,
  },
  files: {
    summary: "Show which layer brought which files, and what is wasted",
    load: async () => (await import("./image-files.ts")).command,
  },
  export: {
    summary: "Write all files of an image as a tar archive",
    load: async () => (await import("./image-export.ts")).command,
  },
  flatten: {
    summary: "Make one layer of all layers of an image",
    load: async () => (await import("./image-flatten.ts")).command,
  },
  index: {
    summary: "Make one name of images for several platforms",
    load: async () => (await import("./image-index.ts")).command,
  },
  mutate: {
    summary: "Change an image's config and annotations, add layers to it",
    load: async () => (await import("./image-mutate.ts")).command,
  },
  rebase: {
    summary: "Put the layers of an image onto another base",
    load: async () => (await import("./image-rebase.ts")).command,
  },
  verify: {
    summary: "Look whether images are what their documents say",
    load: async () => (await import("./image-verify.ts")).command,
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
  alsoCalled(TABLE),
);
