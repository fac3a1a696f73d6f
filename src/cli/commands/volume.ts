/** `teu volume`: directories that outlive containers. Docker's words. */
import type { CommandTable } from "../../base/index.ts";
import { alsoCalled } from "../aliases.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  create: {
    summary: "Make a volume",
    load: async () => (await import("./volume-create.ts")).command,
  },
  ls: {
    summary: "List volumes",
    load: async () => (await import("./volume-ls.ts")).command,
  },
  inspect: {
    summary: "Show all that is known of volumes",
    load: async () => (await import("./volume-inspect.ts")).command,
  },
  prune: {
    summary: "Remove volumes that no container has",
    load: async () => (await import("./volume-prune.ts")).command,
  },
  rm: {
    summary: "Remove volumes",
    load: async () => (await import("./volume-rm.ts")).command,
  },
};

export const command = commandGroup(
  {
    name: "teu volume",
    summary: "Make, list and remove volumes",
    description: `A volume is a directory that outlives containers. 'teu run -v NAME:DIR' makes one where there is none, and what the image has at DIR is what
it begins with. 'teu run -v DIR', and an image that asks for it, make one for the container alone: 'teu rm -v' and 'teu run --rm' remove it too.`,
    examples: [
      { command: "teu volume create pages", says: "A volume" },
      {
        command: "teu volume create -o type=nfs -o o=addr=10.0.0.2,rw -o device=:/exports/pages pages",
        says: "One that another machine keeps",
      },
    ],
  },
  alsoCalled(TABLE),
);
