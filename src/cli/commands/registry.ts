/** `teu registry`: the registry, a server of its own. */
import type { CommandTable } from "../../base/index.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  check: {
    summary: "Look whether everything is there and right",
    load: async () => (await import("./registry-check.ts")).command,
  },
  gc: {
    summary: "Remove what nobody refers to",
    load: async () => (await import("./registry-gc.ts")).command,
  },
  import: {
    summary: "Take over what a registry of distribution keeps",
    load: async () => (await import("./registry-import.ts")).command,
  },
  repair: {
    summary: "Put right what a check finds",
    load: async () => (await import("./registry-repair.ts")).command,
  },
  serve: {
    summary: "Serve images from a folder",
    load: async () => (await import("./registry-serve.ts")).command,
  },
  stats: {
    summary: "Say how much a registry holds",
    load: async () => (await import("./registry-stats.ts")).command,
  },
};

export const command = commandGroup(
  {
    name: "teu registry",
    summary: "Serve images to others",
    examples: [
      {
        command: "teu registry serve --listen 127.0.0.1:5000 --root /srv/registry",
        says: "On this machine alone",
      },
    ],
  },
  TABLE,
);
