/** runc's command line: `teu runtime …`, `teu-runtime …` and a link named `runc`. Global flags, then a command of a table. */

import {
  type CommandShape,
  type CommandTable,
  commit,
  type Grammar,
  loadCommand,
  parseArguments,
  resolvePath,
  TeuError,
  version,
  WrongArgumentCount,
} from "../../base/index.ts";
import { check, cString, mkdirSync, syscall } from "../../sys/index.ts";
import { AT_FDCWD } from "../compile/constants.ts";
import { type CgroupManager, type RuntimeContext, SPEC_VERSION } from "./context.ts";
import { encodeRuncHelp, encodeRuncProgramHelp } from "./help.ts";
import { type Log, logDebug, logError, parseLogFormat } from "./log.ts";
import { print } from "./print.ts";
import { type AnyUsageError, isUsageError, statusOfError, wordsOf } from "./wording.ts";

const FLAGS = {
  debug: { kind: "boolean", summary: "enable debug logging" },
  log: {
    kind: "string",
    value: "FILE",
    summary: "set the log file to write logs to (default is standard error)",
  },
  "log-format": {
    kind: "string",
    value: "FORMAT",
    default: "text",
    summary: "set the log format ('text' or 'json')",
  },
  root: {
    kind: "string",
    value: "DIR",
    summary: "root directory for storage of container state (this should be located in tmpfs)",
  },
  "systemd-cgroup": {
    kind: "boolean",
    summary: "enable systemd cgroup support, expects cgroupsPath to be of form 'slice:prefix:name'",
  },
  rootless: {
    kind: "string",
    value: "WHEN",
    default: "auto",
    summary: "ignore cgroup permission errors ('true', 'false' or 'auto')",
  },
  version: { kind: "boolean", short: "v", summary: "print the version" },
  // Callers give these to any runtime: criu's path to older runc, the manager to crun.
  criu: { kind: "string", value: "PATH", summary: "obsolete", hidden: true },
  "cgroup-manager": { kind: "string", value: "NAME", summary: "cgroupfs, systemd or disabled", hidden: true },
} as const;

/** `--root` must not be the root of the file system. The words are runc's. */
export class InvalidRoot extends TeuError<"invalid-root", { root: string }> {
  constructor(context: { root: string }) {
    super("invalid-root", "invalid", context, "Option --root argument should not be set to /");
  }
}

/**
 * Runs the runtime's command line.
 * @param argv      Without the program's name.
 * @param program   `runc`, `teu-runtime` or `teu runtime`: what messages and help call us.
 * @param commands  Those that there are; or some of them, and then
 * @param others    Runs the whole command line for any other, and tells what is wrong with the words before a command.
 * @returns the exit status
 */
export async function runCommandLine(
  argv: readonly string[],
  program: string,
  commands: CommandTable<RuntimeContext>,
  others?: () => Promise<number>,
): Promise<number> {
  let log: Log = { path: undefined, format: "text", isDebug: false };
  try {
    const { flags, given, wantsHelp, arguments: words } = parseArguments(globalGrammar(program), argv);
    const [command, rest] = asCommand(words);
    const isCall = !wantsHelp && !flags.version && command !== undefined;
    if (others !== undefined && !(isCall && Object.hasOwn(commands, command))) return await others();
    log = { path: flags.log || undefined, format: parseLogFormat(flags["log-format"]), isDebug: flags.debug };
    if (flags.version) return printVersion(program);
    const cgroupManager = cgroupManagerOf(flags["systemd-cgroup"], flags["cgroup-manager"]);
    if (wantsHelp || command === undefined) return printProgramHelp(program, commands);
    const root = given.has("root") ? givenRoot(flags.root) : defaultRoot(program);
    logDebug(log, `${program} ${words.join(" ")}`);
    const called = await loadCommand(commands, command, program);
    return await called.call(rest, {
      program,
      root,
      isRootGiven: given.has("root"),
      rootless: parseRootless(flags.rootless),
      log,
      cgroupManager,
      printHelp: (shape) => print(encodeRuncHelp(shape)),
    });
  } catch (error) {
    if (isUsageError(error)) {
      if (others !== undefined && error.context.command === program) return await others();
      await printUsage(error, program, commands);
    }
    logError(log, program, wordsOf(error));
    return statusOfError(error);
  }
}

function globalGrammar(name: string): Grammar<typeof FLAGS> {
  const words = [{ name: "COMMAND", isOptional: true, isRepeated: true }];
  return { name, flags: FLAGS, arguments: words, stopsAtArgument: true, takesSingleDash: true };
}

/** `help list` is `list --help`. */
function asCommand(words: readonly string[]): readonly [string | undefined, readonly string[]] {
  const [command, ...rest] = words;
  return command === "help" || command === "h" ? [rest[0], ["--help"]] : [command, rest];
}

/** `--rootless` has three values; the words are runc's. */
export class InvalidRootless extends TeuError<"invalid-rootless", { text: string }> {
  constructor(context: { text: string }) {
    super(
      "invalid-rootless",
      "invalid",
      context,
      `strconv.ParseBool: parsing ${JSON.stringify(context.text)}: invalid syntax`,
    );
  }
}

/** As Go reads a boolean; undefined for "auto". @throws {InvalidRootless} */
function parseRootless(text: string): boolean | undefined {
  if (text === "" || text === "auto") return undefined;
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw new InvalidRootless({ text });
}

/** The first four lines are those that dockerd reads. */
function printVersion(program: string): number {
  print(`${program} version ${version}\ncommit: ${commit}\nspec: ${SPEC_VERSION}\nbun: ${Bun.version}\n`);
  return 0;
}

function printProgramHelp(program: string, commands: CommandTable<RuntimeContext>): number {
  print(encodeRuncProgramHelp(programShape(program), version, commands));
  return 0;
}

function programShape(name: string): CommandShape {
  const summary = "Open Container Initiative runtime";
  const description = `Creates, starts and removes containers that a bundle describes: a directory with a
config.json and a root file system, as the OCI runtime specification has it.

To run a container from the bundle in the current directory:

    # ${name} run <container-id>`;
  return { name, summary, description, flags: FLAGS, arguments: [], examples: [] };
}

/** What runc prints before the error, when it does not understand the command line. */
async function printUsage(
  error: AnyUsageError,
  program: string,
  commands: CommandTable<RuntimeContext>,
): Promise<void> {
  print(
    error instanceof WrongArgumentCount ? "Incorrect Usage.\n\n" : `Incorrect Usage: ${wordsOf(error)}\n\n`,
  );
  const { command } = error.context;
  if (command === program) printProgramHelp(program, commands);
  else {
    const { shape } = await loadCommand(commands, command.slice(program.length + 1), program);
    print(encodeRuncHelp({ ...shape, name: command }));
  }
}

/** crun's `--cgroup-manager` is not one of its three. The words are crun's. */
export class InvalidCgroupManager extends TeuError<"invalid-cgroup-manager", { name: string }> {
  constructor(context: { name: string }) {
    super("invalid-cgroup-manager", "invalid", context, `unknown cgroup manager specified ${context.name}`);
  }
}

/** By runc's flag, or crun's. @throws {InvalidCgroupManager} */
function cgroupManagerOf(isSystemd: boolean, name: string | undefined): CgroupManager {
  if (isSystemd || name === "systemd") return "systemd";
  if (name === undefined || name === "" || name === "cgroupfs") return "cgroupfs";
  if (name === "disabled") return "disabled";
  throw new InvalidCgroupManager({ name });
}

/** @throws {InvalidRoot} also for what leads to "/", such as an empty text with the working directory there. */
function givenRoot(text: string | undefined): string {
  const root = resolvePath(process.cwd(), text ?? "");
  if (root === "/") throw new InvalidRoot({ root });
  return root;
}

/** `/run/runc` under that name, so that both see the same containers; otherwise below TEU_RUN. A user has a directory of their own. */
function defaultRoot(program: string): string {
  const { XDG_RUNTIME_DIR: mine, TEU_RUN: run } = process.env;
  if (process.geteuid?.() !== 0 && mine) {
    const root = program === "runc" ? `${mine}/runc` : `${mine}/teu/runtime`;
    mkdirSync(root, { recursive: true, mode: 0o700 });
    // Without the sticky bit, what is long unused in XDG_RUNTIME_DIR may be cleaned away.
    check(syscall("fchmodat", AT_FDCWD, cString(root), 0o1700), "chmod", root);
    return root;
  }
  return program === "runc" ? "/run/runc" : `${run || "/run/teu"}/runtime`;
}
