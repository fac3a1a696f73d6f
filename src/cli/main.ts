/** Finds the command for a name and its words, runs it, and turns what it throws into one line and an exit status. */
import { encodeTableHelp, loadCommand, print } from "../base/index.ts";
import { type CliContext, thisContext } from "./context.ts";
import { COMMANDS } from "./table.ts";

const PROGRAM = {
  name: "teu",
  summary: "The whole OCI container stack: pulls, runs, stores and serves containers",
  flags: {},
  arguments: [],
  examples: [
    { command: "teu run --rm -it debian bash", says: "Run a shell in a container and leave nothing behind" },
    { command: "teu registry serve --listen 127.0.0.1:5000", says: "Serve images to others" },
  ],
};

/** Runs the program called `name` with `words`. @returns the exit status */
export async function main(name: string, words: readonly string[]): Promise<number> {
  try {
    return await dispatch(name, words, thisContext());
  } catch (error) {
    const { report } = await import("./report.ts");
    return report(error, words[0] === "container" ? words[1] : words[0]);
  }
}

async function dispatch(name: string, words: readonly string[], context: CliContext): Promise<number> {
  const [first, ...rest] = words;
  switch (first) {
    case undefined:
      print((await import("./begin.ts")).encodeBeginning());
      return 0;
    case "help":
    case "--help":
    case "-h":
      return await help(rest, context);
    case "--version":
    case "-v":
      // Docker and podman look at no argument after it; podman-compose gives an empty one.
      return await dispatch(name, ["version", ...rest.filter((word) => word.startsWith("-"))], context);
    default:
      if (!Object.hasOwn(COMMANDS, first)) {
        const foreign = first.startsWith("-")
          ? (await import("./elsewhere.ts")).foreignFlag(words)
          : (await import("./foreign.ts")).foreignCommand(first);
        if (foreign !== undefined) throw foreign;
      }
      if (mayBeElsewhere(context.environment)) {
        const elsewhere = (await import("./elsewhere.ts")).elsewhere(words, context.environment);
        if (elsewhere !== undefined) throw elsewhere;
      }
      if (COMMANDS[first]?.opensStore && process.geteuid?.() !== 0)
        await (await import("../engine/home/index.ts")).enterHomeIfThere(context.environment);
      return await (await loadCommand(COMMANDS, first, "teu")).call(rest, context);
  }
}

/** Whether anything could tell docker or podman to work on another machine: few have it, and the rest load nothing for it. */
function mayBeElsewhere(environment: CliContext["environment"]): boolean {
  if (environment["TEU_ROOT"] !== undefined) return false;
  const { DOCKER_HOST, DOCKER_CONTEXT, CONTAINER_HOST, CONTAINER_CONNECTION } = environment;
  if (DOCKER_HOST || DOCKER_CONTEXT || CONTAINER_HOST || CONTAINER_CONNECTION) return true;
  const folder = environment["DOCKER_CONFIG"] || `${environment["HOME"] ?? ""}/.docker`;
  return Bun.file(`${folder}/config.json`).size > 0;
}

/** `teu help` and `teu help COMMAND`. */
async function help([word]: readonly string[], context: CliContext): Promise<number> {
  if (word === undefined) print(encodeTableHelp(PROGRAM, COMMANDS));
  else await (await loadCommand(COMMANDS, word, "teu")).call(["--help"], context);
  return 0;
}
