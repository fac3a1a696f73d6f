/**
 * Drives runc, crun, youki or any other runtime by its command line. The container's first process becomes our child
 * when `create` leaves, because we ask to be the reaper of what our descendants leave behind.
 * Source: the command line of runc; docs/terminals.md of runc for the console socket.
 */
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type HostPath, TeuError } from "../../base/index.ts";
import type { RuntimeState } from "../../spec/index.ts";
import { acceptWaiting, check, listenUnix, receiveMessage, syscall } from "../../sys/index.ts";
import type { MonitorControl } from "../monitor/control.ts";
import type { Created, CreateRequest, ExecProcessRequest, RuntimeDriver, RuntimeStats } from "./driver.ts";
import { RuntimeFailed, runtimeError } from "./errors.ts";
import { endChildren, processEnd } from "./wait.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const MAX_PTY_NAME = 4096;

/** `--runtime` names no program. */
export class NoSuchRuntime extends TeuError<"no-such-runtime", { path: string }> {
  constructor(context: { path: string }, options: { cause: unknown }) {
    super(
      "no-such-runtime",
      "not-found",
      context,
      `Cannot use runtime ${JSON.stringify(context.path)}: no program is there`,
      { ...options, hint: "Give the whole path, for instance --runtime /usr/sbin/runc" },
    );
  }
}

/** The runtime at `path`, with its state below `state`. @throws {NoSuchRuntime} */
export function commandDriver(path: string, state: HostPath): RuntimeDriver {
  try {
    if (!path.startsWith("/")) throw new Error("not an absolute path");
    accessSync(path, constants.X_OK);
  } catch (cause) {
    throw new NoSuchRuntime({ path }, { cause });
  }
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const call = (words: readonly string[]) => run([path, "--root", state, ...words]);
  const mustDo = async (operation: string, ...words: readonly string[]): Promise<string> => {
    const { isFine, printed, said } = await call([operation, ...words]);
    if (!isFine) throw new RuntimeFailed({ runtime: path, operation, said });
    return printed;
  };
  return {
    name: path,
    create: (request) => create(path, state, request),
    async start(id) {
      const { isFine, said } = await call(["start", id]);
      if (!isFine) throw runtimeError(path, "start", said, "the program");
    },
    exec: (request) => exec(path, state, request),
    async pidOf(id) {
      const { isFine, printed } = await call(["state", id]);
      if (!isFine) return undefined; // it knows no such container
      const { pid, status } = JSON.parse(printed) as RuntimeState; // the specification's document
      return status === "stopped" ? undefined : pid;
    },
    async pidsOf(id) {
      return JSON.parse(await mustDo("ps", "--format", "json", id)) as number[]; // runc's own form
    },
    async update(id, resources) {
      const folder = mkdtempSync(join(state, "update-"));
      try {
        const file = join(folder, "resources.json");
        writeFileSync(file, JSON.stringify(resources));
        await mustDo("update", "--resources", file, id);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    async statsOf(id) {
      const { data } = JSON.parse(await mustDo("events", "--stats", id)) as { data: RuntimeStats }; // runc's own form
      return data;
    },
    async pause(id) {
      await mustDo("pause", id);
    },
    async resume(id) {
      await mustDo("resume", id);
    },
    async kill(id, signal) {
      await mustDo("kill", id, `${signal}`);
    },
    async delete(id) {
      // runc says nothing about a container that it does not know; others may.
      const { isFine, said } = await call(["delete", "--force", id]);
      if (!isFine && !/does not exist/.test(said))
        throw new RuntimeFailed({ runtime: path, operation: "delete", said });
    },
  };
}

function create(path: string, state: HostPath, request: CreateRequest): Promise<Created> {
  const { id, bundle } = request;
  return leaveProcess(path, state, ["create", "--bundle", bundle.path], {
    ...request,
    folder: bundle.path,
    program: bundle.config.process?.args?.[0],
    id,
  });
}

async function exec(path: string, state: HostPath, request: ExecProcessRequest): Promise<Created> {
  const { bundle, process } = request;
  const folder = mkdtempSync(join(bundle, "exec-")) as HostPath;
  try {
    const file = join(folder, "process.json");
    writeFileSync(file, JSON.stringify(process), { mode: 0o600 });
    return await leaveProcess(path, state, ["exec", "--process", file, "--detach"], {
      ...request,
      folder,
      terminal: process.terminal ?? false,
      program: process.args?.[0],
      ...(request.parent && { monitor: request.parent }),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** With its pid while nothing but what we want started is its child. */
type MonitorOf = MonitorControl & { readonly pid?: number };

/** An operation of the runtime that leaves a process behind, which it tells by a file in `folder`. */
async function leaveProcess(
  path: string,
  state: HostPath,
  [operation = "", ...words]: readonly string[],
  request: Omit<CreateRequest, "bundle" | "monitor"> & {
    /** Whose child it becomes; absent: ours. */
    readonly monitor?: MonitorOf;
    readonly folder: HostPath;
    readonly program: string | undefined;
  },
): Promise<Created> {
  const { id, folder, stdio, terminal, monitor, program, signal } = request;
  const log = join(folder, "runtime.log");
  const pidFile = join(folder, "init.pid");
  const console_ = terminal ? new ConsoleSocket(join(folder, "console.sock")) : undefined;
  try {
    const line = [path, "--root", state, "--log", log, "--log-format", "json", operation, ...words];
    line.push("--pid-file", pidFile);
    if (console_ !== undefined) line.push("--console-socket", console_.path);
    line.push(id);
    const status = await (monitor === undefined
      ? callOurselves(line, stdio)
      : callBy(monitor, line, stdio, signal));
    if (status !== 0) {
      const said = lastError(log) ?? `it ended with status ${status} and said nothing`;
      throw runtimeError(path, operation, said, program);
    }
    if (console_ !== undefined) request.onTerminal(console_.receive(path));
    return { pid: Number(readFileSync(pidFile, "utf8")) };
  } finally {
    console_?.[Symbol.dispose]();
  }
}

/** Runs the runtime as our child, and what it leaves behind becomes ours. */
async function callOurselves(words: string[], stdio: CreateRequest["stdio"]): Promise<number> {
  check(syscall("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl");
  // Of its own session: ctrl-C must reach us alone, who know what to do about it.
  return await Bun.spawn(words, { stdio: [...stdio], env: environment(), detached: true }).exited;
}

/** Runs the runtime as a child of the monitor. @returns its exit status @throws the reason of `signal`, when nothing of it is left */
async function callBy(
  monitor: MonitorOf,
  words: readonly string[],
  stdio: CreateRequest["stdio"],
  signal: AbortSignal | undefined,
): Promise<number> {
  const argv = throughInterpreter(words);
  const executable = openSync(argv[0] ?? "", "r");
  try {
    const env = Object.entries(environment()).map(([name, value]) => `${name}=${value}`);
    const { pid, pidfd } = monitor.spawn({ executable, argv, env, descriptors: stdio });
    try {
      await processEnd(pidfd, signal);
    } catch (error) {
      if (monitor.pid !== undefined) await endChildren(monitor.pid);
      throw error;
    } finally {
      closeSync(pidfd);
    }
    return monitor.reap(pid).status;
  } finally {
    closeSync(executable);
  }
}

/** A script has no program of its own to be given by a descriptor that is closed on execution: its interpreter has. Source: execve(2), execveat(2). */
function throughInterpreter(words: readonly string[]): readonly string[] {
  const [path = ""] = words;
  const head = new Uint8Array(256);
  const file = openSync(path, "r");
  let length: number;
  try {
    length = readSync(file, head);
  } finally {
    closeSync(file);
  }
  const [, interpreter, argument] =
    /^#![ \t]*([^ \t\n]+)(?:[ \t]+([^\n]*[^ \t\n]))?[ \t]*\n/.exec(
      Buffer.from(head.subarray(0, length)).toString("latin1"),
    ) ?? [];
  if (interpreter === undefined) return words;
  return [interpreter, ...(argument === undefined ? [] : [argument]), ...words];
}

/** Where the runtime hands over the container's terminal. It has connected and sent by the time that it leaves. */
class ConsoleSocket implements Disposable {
  readonly path: string;
  readonly #listener: number;

  constructor(path: string) {
    this.path = path;
    this.#listener = listenUnix(path);
  }

  receive(runtime: string): number {
    const connection = acceptWaiting(this.#listener);
    if (connection === undefined)
      throw new RuntimeFailed({ runtime, operation: "create", said: "it sent no terminal" });
    try {
      const { descriptors } = receiveMessage(connection, new Uint8Array(new ArrayBuffer(MAX_PTY_NAME)));
      const [master, ...others] = descriptors;
      for (const other of others) closeSync(other);
      if (master === undefined)
        throw new RuntimeFailed({ runtime, operation: "create", said: "it sent no terminal" });
      return master;
    } finally {
      closeSync(connection);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#listener);
    rmSync(this.path, { force: true });
  }
}

/** runc's delete kills, and waits for the end of all for ten seconds. */
const PATIENCE_MS = 15_000;

/** Runs a runtime command that only talks; one that hangs is ended. */
async function run(words: readonly string[]): Promise<{ isFine: boolean; printed: string; said: string }> {
  const child = Bun.spawn([...words], {
    stdio: ["ignore", "pipe", "pipe"],
    env: environment(),
    detached: true,
  });
  const told = Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const answer = await Promise.race([told, Bun.sleep(PATIENCE_MS)]);
  if (answer !== undefined) {
    const [printed, said, status] = answer;
    return { isFine: status === 0, printed, said: said.trim() };
  }
  // What it started may hold its streams open: nobody waits for their end.
  child.kill("SIGKILL");
  return { isFine: false, printed: "", said: `it did not end within ${PATIENCE_MS / 1000} s` };
}

/** Nothing of ours: what the caller's environment holds is no business of a container's. */
function environment(): Record<string, string> {
  return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
}

/** The last error in a runtime's JSON log. */
function lastError(log: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(log, "utf8");
  } catch {
    return undefined; // it failed before it opened its log
  }
  for (const line of text.trimEnd().split("\n").reverse()) {
    try {
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
      if (level === "error" && msg !== undefined) return msg;
    } catch {
      // A line that is not JSON is a warning of one of its libraries.
    }
  }
  return undefined;
}
