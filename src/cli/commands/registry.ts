/** `teu registry`: the registry, a server of its own. */
import { type CommandTable, encodeTableHelp, loadCommand, print } from "../../base/index.ts";
import { type CliContext, teuCommand } from "../context.ts";

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

const SHAPE = {
  name: "teu registry",
  summary: "Serve images to others",
  flags: {},
  arguments: [
    { name: "COMMAND", isOptional: true },
    { name: "ARG", isOptional: true, isRepeated: true },
  ],
  examples: [
    {
      command: "teu registry serve --listen 127.0.0.1:5000 --root /srv/registry",
      says: "On this machine alone",
    },
  ],
} as const;

export const command = teuCommand({
  ...SHAPE,
  stopsAtArgument: true,
  async run({ arguments: [word, ...rest] }, context) {
    if (word === undefined) {
      print(encodeTableHelp(SHAPE, TABLE));
      return 0;
    }
    return await (await loadCommand(TABLE, word, SHAPE.name)).call(rest, context);
  },
});
