/** `teu artifact`: files that lie at a registry. The words are those of oras, where attach stands alone: here that is of containers. */
import type { CommandTable } from "../../base/index.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  attach: {
    summary: "Attach files to an image at its registry",
    load: async () => (await import("./artifact-attach.ts")).command,
  },
  pull: {
    summary: "Get the files of an artifact",
    load: async () => (await import("./artifact-pull.ts")).command,
  },
  push: {
    summary: "Put files into a registry, under a name of their own",
    load: async () => (await import("./artifact-push.ts")).command,
  },
};

export const command = commandGroup(
  {
    name: "teu artifact",
    summary: "Attach files to images at a registry, and get them back",
    examples: [{ command: "teu artifact pull registry.example/app@sha256:…", says: "What was attached" }],
  },
  TABLE,
);
