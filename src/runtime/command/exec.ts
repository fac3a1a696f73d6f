/** `exec`: one more process in a running container. Source: runc exec. */
import { TeuError } from "../../base/index.ts";
import { type Capabilities, type Process, parseProcess } from "../../spec/index.ts";
import { check, readTextSync, reap, syscall } from "../../sys/index.ts";
import { SIGKILL } from "../compile/constants.ts";
import { execProcess } from "../machine/exec.ts";
import { loadState, savedConfig } from "../state.ts";
import { InvalidConfig, validateProcess } from "../validate.ts";
import { containerArgument, runtimeCommand } from "./context.ts";
import { Foreground } from "./foreground.ts";
import { logWarning } from "./log.ts";
import { sendPidfd, writePidFile } from "./sockets.ts";
import { CommandFailed, wordsOf } from "./wording.ts";

/** A flag's value cannot be what it should be. The words are runc's. */
export class InvalidExecFlag extends TeuError<"invalid-exec-flag", { flag: string; value: string }> {
  constructor(context: { flag: string; value: string }, words: string) {
    super("invalid-exec-flag", "invalid", context, words);
  }
}

const FLAGS = {
  "console-socket": {
    kind: "string",
    value: "PATH",
    summary:
      "path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal",
  },
  "pidfd-socket": {
    kind: "string",
    value: "PATH",
    summary: "path to an AF_UNIX socket which will receive a file descriptor referencing the exec process",
  },
  cwd: { kind: "string", value: "DIR", summary: "current working directory in the container" },
  env: { kind: "list", short: "e", value: "NAME=VALUE", summary: "set environment variables" },
  tty: { kind: "boolean", short: "t", summary: "allocate a pseudo-TTY" },
  user: { kind: "string", short: "u", value: "UID[:GID]", summary: "UID (format: <uid>[:<gid>])" },
  "additional-gids": { kind: "list", short: "g", value: "GID", summary: "additional gids" },
  process: { kind: "string", short: "p", value: "FILE", summary: "path to the process.json" },
  detach: { kind: "boolean", short: "d", summary: "detach from the container's process" },
  "pid-file": { kind: "string", value: "FILE", summary: "specify the file to write the process id to" },
  "process-label": {
    kind: "string",
    value: "LABEL",
    summary: "set the SELinux label of the process",
  },
  apparmor: {
    kind: "string",
    value: "PROFILE",
    summary: "set the AppArmor profile of the process",
  },
  "no-new-privs": { kind: "boolean", summary: "set the no new privileges value for the process" },
  cap: {
    kind: "list",
    short: "c",
    value: "CAP",
    summary: "add a capability to the bounding set for the process",
  },
  "preserve-fds": {
    kind: "integer",
    value: "N",
    default: 0,
    summary: "pass N additional file descriptors to the container",
  },
  cgroup: {
    kind: "list",
    value: "PATH",
    summary: "run the process in an existing sub-cgroup, given as [controller[,controller]:]path",
  },
  "ignore-paused": { kind: "boolean", summary: "allow exec in a paused container" },
} as const;

/** What went wrong before the program ran is not the program's exit status. */
const FAILED = 255;

export const exec = runtimeCommand({
  name: "exec",
  summary: "execute new process inside the container",
  flags: FLAGS,
  arguments: [
    containerArgument,
    { name: "command", isOptional: true },
    { name: "command options", isOptional: true, isRepeated: true },
  ],
  stopsAtArgument: true,
  examples: [{ command: "runc exec ubuntu01 ps", says: "Run ps in a container" }],
  async run({ flags, arguments: [containerID = "", ...args], given }, { root, program, log }) {
    try {
      const process = processFor(root, containerID, args, flags, given);
      const { detach, "console-socket": consoleSocket, "ignore-paused": ignorePaused } = flags;
      using foreground = detach ? undefined : new Foreground();
      const onConsole = foreground && ((master: number): void => foreground.attach(master));
      const pid = await execProcess(root, containerID, process, {
        stdio: [0, 1, 2],
        preserveFds: flags["preserve-fds"],
        ignorePaused,
        onWarning: (error) => logWarning(log, program, wordsOf(error)),
        subCgroups: flags.cgroup,
        ...(consoleSocket && { consoleSocket }),
        ...(onConsole && { onConsole }),
      });
      const pidfd = check(syscall("pidfd_open", pid, 0), "pidfd_open", String(pid));
      orKill(pid, pidfd, () => {
        sendPidfd(flags["pidfd-socket"], pidfd, "setns");
        writePidFile(flags["pid-file"], pid);
      });
      if (foreground !== undefined) {
        foreground.follow(pidfd);
        return await foreground.ended(pid);
      }
      syscall("close", pidfd);
      return 0;
    } catch (error) {
      throw new CommandFailed("exec", program, error, FAILED);
    }
  },
});

/** A caller who cannot be told of the process would have it run unknown to anybody. */
function orKill(pid: number, pidfd: number, step: () => void): void {
  try {
    step();
  } catch (error) {
    syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
    syscall("close", pidfd);
    reap(pid, { wait: true });
    throw error;
  }
}

type ExecFlags = {
  readonly [K in keyof typeof FLAGS]: (typeof FLAGS)[K]["kind"] extends "boolean"
    ? boolean
    : (typeof FLAGS)[K]["kind"] extends "list"
      ? readonly string[]
      : (typeof FLAGS)[K]["kind"] extends "integer"
        ? number
        : string | undefined;
};

/** `--process` as it is, or the container's own process with the flags' changes. @throws {InvalidConfig} {InvalidExecFlag} */
export function processFor(
  root: string,
  containerID: string,
  args: readonly string[],
  flags: ExecFlags,
  given: ReadonlySet<string>,
): Process {
  const process =
    flags.process === undefined || flags.process === ""
      ? changed(root, containerID, args, flags, given)
      : parseProcess(readTextSync(flags.process), flags.process);
  const issues = validateProcess(process);
  if (issues.length > 0) throw new InvalidConfig({ issues });
  return process;
}

function changed(
  root: string,
  containerID: string,
  args: readonly string[],
  flags: ExecFlags,
  given: ReadonlySet<string>,
): Process {
  const { process } = savedConfig(loadState(root, containerID));
  if (process === undefined)
    throw new InvalidExecFlag({ flag: "process", value: "" }, "process property must not be empty");
  if (args.length === 0)
    throw new InvalidExecFlag({ flag: "command", value: "" }, "exec args cannot be empty");
  const additional = flags["additional-gids"].map((gid) => parseID(gid, "additional-gids", "bad gid"));
  const [uid, gid] = parseUser(flags.user);
  return {
    ...process,
    args,
    terminal: flags.tty,
    env: [...(process.env ?? []), ...flags.env],
    ...(flags.cwd && { cwd: flags.cwd }),
    ...(flags.apparmor && { apparmorProfile: flags.apparmor }),
    ...(flags["process-label"] && { selinuxLabel: flags["process-label"] }),
    ...(given.has("no-new-privs") && { noNewPrivileges: flags["no-new-privs"] }),
    ...(flags.cap.length > 0 && { capabilities: withCapabilities(process.capabilities ?? {}, flags.cap) }),
    user: {
      ...process.user,
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      additionalGids: [...(process.user.additionalGids ?? []), ...additional],
    },
  };
}

/** `1000`, `1000:100`. @throws {InvalidExecFlag} */
export function parseUser(text: string | undefined): readonly [uid?: number, gid?: number] {
  if (text === undefined) return [];
  const colon = text.indexOf(":");
  const uid = parseID(colon < 0 ? text : text.slice(0, colon), "user", "bad uid");
  return colon < 0 ? [uid] : [uid, parseID(text.slice(colon + 1), "user", "bad gid")];
}

/** Digits and nothing else: a number cut off, or wrapped around, would be somebody else (CVE-2026-30892). */
function parseID(text: string, flag: string, words: string): number {
  const number = Number(text);
  if (!/^\d{1,10}$/.test(text) || number >= 0xffff_ffff)
    throw new InvalidExecFlag(
      { flag, value: text },
      `${words}: ${JSON.stringify(text)} is not a number of a user or group`,
    );
  return number;
}

/** Ambient needs inheritable, which is not added: so only where there is some already. */
function withCapabilities(has: Capabilities, added: readonly string[]): Capabilities {
  const { bounding = [], effective = [], permitted = [], inheritable, ambient = [] } = has;
  return {
    bounding: [...bounding, ...added],
    effective: [...effective, ...added],
    permitted: [...permitted, ...added],
    ...(inheritable && { inheritable, ambient: [...ambient, ...added] }),
  };
}
