/** `teu container`: docker's nouns for the commands of containers. */
import type { CommandTable } from "../../base/index.ts";
import { aliases, alsoCalled } from "../aliases.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  ...aliases({
    attach: "attach",
    commit: "commit",
    cp: "cp",
    create: "create",
    diff: "diff",
    exec: "exec",
    export: "export",
    kill: "kill",
    logs: "logs",
    ls: "ps",
    pause: "pause",
    port: "port",
    rename: "rename",
    restart: "restart",
    rm: "rm",
    run: "run",
    start: "start",
    stats: "stats",
    stop: "stop",
    top: "top",
    unpause: "unpause",
    update: "update",
    wait: "wait",
  }),
  inspect: {
    summary: "Show all that is known of containers",
    load: async () => (await import("./inspect.ts")).containerCommand,
  },
  prune: {
    summary: "Remove all containers that have ended",
    load: async () => (await import("./container-prune.ts")).command,
  },
};

export const command = commandGroup(
  {
    name: "teu container",
    summary: "Commands about containers, by docker's long names",
    examples: [{ command: "teu container ls -a", says: "As 'teu ps -a'" }],
  },
  alsoCalled(TABLE, { ps: "ls" }),
);
