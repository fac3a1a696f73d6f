/** `teu network`: the networks that containers are in. Docker's words. */
import type { CommandTable } from "../../base/index.ts";
import { alsoCalled } from "../aliases.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  create: {
    summary: "Make a network",
    load: async () => (await import("./network-create.ts")).command,
  },
  ls: {
    summary: "List networks",
    load: async () => (await import("./network-ls.ts")).command,
  },
  connect: {
    summary: "Connect a container to a network",
    load: async () => (await import("./network-connect.ts")).command,
  },
  disconnect: {
    summary: "Take a container out of a network",
    load: async () => (await import("./network-disconnect.ts")).command,
  },
  inspect: {
    summary: "Show all that is known of networks",
    load: async () => (await import("./network-inspect.ts")).command,
  },
  prune: {
    summary: "Remove networks that no container is in",
    load: async () => (await import("./network-prune.ts")).command,
  },
  rm: {
    summary: "Remove networks",
    load: async () => (await import("./network-rm.ts")).command,
  },
};

export const command = commandGroup(
  {
    name: "teu network",
    summary: "Make, list and remove networks",
    description: `Containers of one network reach each other; those of different networks do not. Nothing from outside reaches a container
but by a port that it publishes (teu run -p). A network's bridge comes with its first container.`,
    examples: [
      { command: "teu network create --internal backend", says: "A network from which nothing goes out" },
    ],
  },
  alsoCalled(TABLE),
);
