/** One more program in a container that runs, in the foreground. */
import { randomHex, TeuError } from "../../base/index.ts";
import type { Process, RuntimeConfig } from "../../spec/index.ts";
import { childEnded, closeSync, O, openSync, readTextSync, syscall } from "../../sys/index.ts";
import { beginAudit } from "../audit/append.ts";
import { capabilitiesOf } from "../bundle/defaults.ts";
import type { RuntimeDriver } from "../driver/driver.ts";
import { mergeEnvironment } from "../options/environment.ts";
import { onHangUp } from "../run/hang-up.ts";
import { forwardSignals } from "../run/signals.ts";
import { Streams } from "../run/streams.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { endToBeTold, notePassing } from "../store/passing-events.ts";
import { bundleDirectory, type Records } from "../store/store.ts";
import { driverOf } from "./driver-of.ts";
import { ContainerNotRunning, findContainer } from "./find.ts";

const SIGHUP = 1;
const SIGKILL = 9;

/** It stands still, and what would run in it too. Docker's words. */
export class ContainerPaused extends TeuError<"container-paused", { id: string }> {
  constructor(context: { id: string }) {
    super(
      "container-paused",
      "failed-precondition",
      context,
      `Container ${context.id} is paused, unpause the container before exec`,
    );
  }
}

/** What to run, and how. */
export interface ExecRequest {
  readonly args: readonly string[];
  /** `NAME=value`, or `NAME` to remove it: over what the container has. */
  readonly environment: readonly string[];
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly interactive: boolean;
  readonly terminal: boolean;
  /** Instead of the container's own. */
  readonly capabilities?: readonly string[];
  /** Whether it goes on without us; what it writes goes nowhere. */
  readonly isDetached?: boolean;
}

/** Runs it and waits for it. @returns its exit status, or 0 for one that goes on alone. @throws {ContainerNotRunning} */
export async function execInContainer(store: Records, text: string, request: ExecRequest): Promise<number> {
  const container = findContainer(store, text);
  const { id, name, image, imageTarget, phase, settings, isPaused } = container;
  if (phase !== "running") throw new ContainerNotRunning({ id });
  if (isPaused) throw new ContainerPaused({ id });
  const { interactive, terminal, isDetached = false } = request;
  const bundle = bundleDirectory(store, id);
  const driver = await driverOf(store, settings.runtime);
  let asked: Process;
  {
    // What cannot be told of is not done. On its way to the disk, there is something to load and to read.
    using _told = beginAudit(store.paths.root, {
      ...{ action: "exec", container: id, name, image, imageDigest: imageTarget.digest },
      ...{ args: request.args, user: request.user ?? "" },
    });
    asked = await processOf(bundle, request);
    if (settings.users !== undefined)
      (await import("../users/process.ts")).checkMapped(settings.users, asked.user);
    await driver.prepareExec?.();
  }
  const told = tellOfExec(store, container, request.args);
  if (isDetached) {
    await startDetached(store, container, driver, asked, told);
    return 0;
  }
  using streams = new Streams({ interactive, terminal });
  if (settings.users !== undefined)
    (await import("../users/process.ts")).giveStreams(settings.users, asked.user, streams.stdio);
  const { pid } = await driver.exec({
    id,
    bundle,
    process: asked,
    stdio: streams.stdio,
    onTerminal: (master) => streams.attach(master),
  });
  streams.handOver();
  const ended = childEnded(pid);
  const deliver = (signal: number) => void syscall("kill", pid, signal); // to nobody, when it has just ended
  using _signals = forwardSignals(deliver);
  // It ends with us. As a terminal's own programs do, when that hangs up; or if it is deaf to that.
  let last = SIGHUP;
  using _hangUp = onHangUp(terminal ? [1] : [1, 2], () => {
    deliver(last);
    last = SIGKILL;
  });
  const { status } = await ended;
  await streams.drained();
  told.ended(status);
  return status;
}

/** What is told of one more program. */
interface ToldExec {
  readonly execID: string;
  ended(status: number): void;
}

/** Tells, by docker's words, that a program is about to run in a container. @returns what tells how it ended */
export function tellOfExec(store: Records, container: ContainerRecord, args: readonly string[]): ToldExec {
  const execID = randomHex(32);
  const [program = "", ...rest] = args;
  const command = `${program} ${rest.join(" ")}`;
  notePassing(store, container, {
    [`exec_create: ${command}`]: { execID },
    [`exec_start: ${command}`]: { execID },
  });
  return {
    execID,
    ended: (status) => notePassing(store, container, { exec_die: { execID, exitCode: `${status}` } }),
  };
}

/** It becomes a child of the container's monitor, which tells of its end. */
async function startDetached(
  store: Records,
  container: ContainerRecord,
  driver: RuntimeDriver,
  process: Process,
  told: ToldExec,
): Promise<void> {
  const { id } = container;
  const bundle = bundleDirectory(store, id);
  const { MonitorControl } = await import("../monitor/control.ts");
  // A monitor that an older teu has started has nobody's children: of what becomes of this one nobody is told.
  using monitor = MonitorControl.of(bundle);
  const nothing = openSync("/dev/null", O.RDWR);
  try {
    // The other side of a terminal that nobody looks at would be closed at once, and the program be told so.
    const alone = { ...process, terminal: false };
    const stdio = [nothing, nothing, nothing] as const;
    const request = { id, bundle, process: alone, stdio, onTerminal: closeSync, isDetached: true };
    const { pid } = await driver.exec({ ...request, parent: monitor });
    const { file, line } = endToBeTold(store, container, told.execID);
    const ended = monitor?.tellEnd(pid, file, line);
    if (ended !== undefined) told.ended(ended.status);
  } finally {
    closeSync(nothing);
  }
}

/** The container's own process, but for what is asked otherwise. Source: docker exec. */
export async function processOf(bundle: string, request: ExecRequest): Promise<Process> {
  const text = readTextSync(`${bundle}/config.json`);
  const own = (JSON.parse(text) as RuntimeConfig).process; // we wrote it
  const { user, workingDirectory, terminal, args, environment } = request;
  const found =
    user === undefined
      ? (own?.user ?? { uid: 0, gid: 0 })
      : (await import("../options/user.ts")).userOf(user, `${bundle}/rootfs`);
  return {
    terminal,
    user: found,
    args,
    env: mergeEnvironment(terminal ? ["TERM=xterm"] : [], [...(own?.env ?? []), ...environment]),
    cwd: workingDirectory ?? own?.cwd ?? "/",
    capabilities: capabilitiesOf(found, request.capabilities ?? own?.capabilities?.bounding),
    noNewPrivileges: own?.noNewPrivileges ?? false,
  };
}
