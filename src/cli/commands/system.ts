/** `teu system`: what teu keeps on this machine, as a whole. */
import type { CommandTable } from "../../base/index.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  df: {
    summary: "Show what takes how much room",
    load: async () => (await import("./system-df.ts")).command,
  },
  prune: {
    summary: "Remove what nobody needs",
    load: async () => (await import("./system-prune.ts")).command,
  },
  info: {
    summary: "Show what teu finds on this machine",
    load: async () => (await import("./info.ts")).command,
  },
  events: {
    summary: "Tell what happens to containers, images, networks and volumes",
    load: async () => (await import("./events.ts")).command,
  },
  check: {
    summary: "Look whether everything is there and right",
    load: async () => (await import("./system-check.ts")).command,
  },
  repair: {
    summary: "Put right what a check finds",
    load: async () => (await import("./system-repair.ts")).command,
  },
};

export const command = commandGroup(
  {
    name: "teu system",
    summary: "Look after what teu keeps on this machine",
    description: "It works while containers run and other commands are at work.",
    examples: [{ command: "teu system check", says: "See whether the disk has kept everything" }],
  },
  TABLE,
);
