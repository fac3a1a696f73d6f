/** `teu exec`: one more program in a container that runs. Docker's flags and exit statuses. */
import { Unsupported } from "../../base/index.ts";
import { execInContainer, openEngineRecords, parseEnvironment } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu exec",
  summary: "Run one more program in a container",
  description:
    "The exit status is the program's (126: it cannot be executed, 127: there is no such program). With -d it goes on without teu, and what it writes goes nowhere.",
  flags: {
    detach: { kind: "boolean", short: "d", summary: "Leave it running" },
    "env-file": { kind: "list", value: "FILE", summary: "Set the variables that a file lists" },
    privileged: { kind: "boolean", summary: "With every capability" },
    env: { kind: "list", short: "e", value: "NAME[=VALUE]", summary: "Set an environment variable" },
    workdir: { kind: "string", short: "w", value: "DIR", summary: "Working directory" },
    user: { kind: "string", short: "u", value: "USER[:GROUP]", summary: "User, by name or number" },
    "detach-keys": {
      kind: "string",
      value: "''",
      summary: "None, as it is anyhow: a program of exec ends with its teu",
    },
    interactive: { kind: "boolean", short: "i", summary: "Give the program our input" },
    tty: { kind: "boolean", short: "t", summary: "Give the program a terminal" },
  },
  arguments: [
    { name: "CONTAINER" },
    { name: "COMMAND" },
    { name: "ARG", isOptional: true, isRepeated: true },
  ],
  stopsAtArgument: true,
  examples: [{ command: "teu exec -it web sh", says: "Look around in a container" }],
  async run({ flags, arguments: [name = "", ...args] }, { environment }) {
    const { user, workdir, "env-file": files, "detach-keys": keys } = flags;
    if (keys)
      throw new Unsupported({
        what: `--detach-keys ${keys} of teu exec`,
        why: "a program of exec ends with its teu: 'teu exec -d' leaves one running",
      });
    // Who asks for neither does not load what reads files.
    const lines = files.length > 0 ? files.flatMap((await import("../read-lines.ts")).readLines) : [];
    const capabilities = flags.privileged
      ? (await import("../held-capabilities.ts")).heldCapabilities()
      : undefined;
    return await execInContainer(await openEngineRecords(environment), name, {
      args,
      environment: parseEnvironment([...lines, ...flags.env], environment),
      isDetached: flags.detach,
      ...(capabilities && { capabilities }),
      interactive: flags.interactive,
      terminal: flags.tty,
      ...(user !== undefined && { user }),
      ...(workdir !== undefined && { workingDirectory: workdir }),
    });
  },
});
