/**
 * What runc says, for the errors whose words callers look for, and its exit statuses: one table for this face.
 * Clients: containerd (go-runc), podman (conmon), dockerd, and runc's own test suite.
 */
import {
  InvalidFlagValue,
  isTeuError,
  MissingFlagValue,
  messageOf,
  TeuError,
  UnknownCommand,
  UnknownFlag,
  UsageError,
  WrongArgumentCount,
} from "../../base/index.ts";
import { errnoSentence, SystemCallFailed } from "../../sys/index.ts";

/** `create`, `run` and `exec` say that it was they who failed, and with what status. */
export class CommandFailed extends TeuError<"command-failed", { command: string }> {
  readonly status: number;
  constructor(command: string, program: string, cause: unknown, status = 1) {
    // runc puts its own name in front, but for exec.
    const who = program === "runc" && command !== "exec" ? "runc " : "";
    const kind = isTeuError(cause) ? cause.kind : "internal";
    super(
      "command-failed",
      kind,
      { command },
      `${who}${command} failed: ${stageOf(cause)}${wordsOf(cause)}`,
      { cause },
    );
    this.status = status;
  }
}

/** How far runc's words say that the start of the process had come, by the code of our error. */
const STAGES: Readonly<Record<string, string>> = {
  "covers-proc": "unable to start container process: error during container init: ",
  "not-ordinary-directory": "unable to start container process: error during container init: ",
  "step-failed": "unable to start container process: ",
  "plan-failed": "unable to start container process: error during container init: ",
  "outside-root": "unable to start container process: error during container init: ",
  "init-died": "unable to start container process: ",
  "init-oom-killed": "unable to start container process: ",
  "seccomp-agent-failed": "unable to start container process: ",
  "start-failed": "unable to start container process: ",
  "program-not-runnable": "unable to start container process: ",
};

function stageOf(error: unknown): string {
  if (!isTeuError(error)) return "";
  // When the last of them run, init has become the program.
  if (error.code === "hook-failed" && !String(error.context["hook"]).startsWith("hooks.poststart"))
    return STAGES["plan-failed"] ?? "";
  return STAGES[error.code] ?? "";
}

/** The exit status for an error. */
export function statusOfError(error: unknown): number {
  if (error instanceof CommandFailed) return error.status;
  return error instanceof UnknownCommand ? 3 : 1;
}

/** What to print for an error, without a newline. */
export function wordsOf(error: unknown): string {
  if (error instanceof UnknownFlag) return `flag provided but not defined: ${oneDash(error.context.flag)}`;
  if (error instanceof MissingFlagValue) return `flag needs an argument: ${oneDash(error.context.flag)}`;
  if (error instanceof InvalidFlagValue) return valueWords(error);
  if (error instanceof UnknownCommand) return `No help topic for '${error.context.word}'`;
  if (error instanceof WrongArgumentCount) return countWords(error);
  return fileWords(error) ?? messageOf(error);
}

/** Of a failed call on a file, ours or of node:fs, as Go says it: `open /x/config.json: no such file or directory`. */
function fileWords(error: unknown): string | undefined {
  if (error instanceof SystemCallFailed) {
    const { call: name, path: file } = error.context;
    return file === undefined ? undefined : `${name} ${file}: ${error.sentence}`;
  }
  if (isTeuError(error) || !(error instanceof Error)) return undefined;
  const { errno: number, path, syscall: call } = error as NodeJS.ErrnoException;
  if (number === undefined || path === undefined) return undefined;
  return `${call ?? "open"} ${path}: ${errnoSentence(Math.abs(number))}`;
}

function valueWords({ context: { flag, value, wants } }: InvalidFlagValue): string {
  const found = JSON.stringify(value);
  return wants === "true or false"
    ? `invalid boolean value ${found} for ${oneDash(flag)}: parse error`
    : `invalid value ${found} for flag ${oneDash(flag)}: parse error`;
}

/** Go's flag package names flags with one dash. */
function oneDash(flag: string): string {
  return flag.replace(/^--/, "-").replace(/ \(in .*$/, "");
}

/** `runc: "state" requires exactly 1 argument(s)`. */
function countWords({ context: { command, wants, found } }: WrongArgumentCount): string {
  const [program = "", name = ""] = /^(.*) (\S+)$/.exec(command)?.slice(1) ?? [];
  const needed = wants === "none" ? [] : wants.split(" ");
  const least = needed.filter((argument) => !argument.startsWith("[")).length;
  const isOpen = wants.includes("...");
  const [how, count] =
    !isOpen && least === needed.length
      ? ["exactly", least]
      : found < least
        ? ["a minimum of", least]
        : ["a maximum of", needed.length];
  return `${program}: ${JSON.stringify(name)} requires ${how} ${count} argument(s)`;
}

export type AnyUsageError = UsageError<string, { command: string }>;

/** Whether help is shown before the error, as runc does for a command line that it does not understand. */
export function isUsageError(error: unknown): error is AnyUsageError {
  return error instanceof UsageError && !(error instanceof UnknownCommand);
}
