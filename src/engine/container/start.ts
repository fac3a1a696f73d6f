/**
 * Starts a container under a monitor of its own, which becomes the owner of the record, and so it goes on without us. Whoever
 * looks after the container later finds it by the monitor's socket and by what it writes.
 */
import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bootID, startTimeOf } from "../../base/index.ts";
import { copyTerminalSize, pipe } from "../../sys/index.ts";
import { noteStart as noteStartInAudit } from "../audit/note-start.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { Created, RuntimeDriver } from "../driver/driver.ts";
import { sendForSupervisor } from "../health/send.ts";
import { openMonitorCgroups, openOomEvents, pathsOf } from "../monitor/cgroups.ts";
import { Monitor } from "../monitor/monitor.ts";
import type { Configuration, LogFormat } from "../monitor/protocol.ts";
import { listenIn } from "../monitor/socket.ts";
import { fileLimits, isCached, type LogChoice } from "../options/log.ts";
import { type StepObserver, since } from "../run/steps.ts";
import { type ContainerRecord, markRunning, recordFate } from "../store/containers.ts";
import { putHealth } from "../store/health.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { driverOf } from "./driver-of.ts";
import { findContainer } from "./find.ts";
import type { Foreground } from "./foreground.ts";
import { connect } from "./places.ts";
import { afterExit, noteStart } from "./restart.ts";
import { settle } from "./settle.ts";

/** Docker's driver `local`. */
const DEFAULT_LOG: LogChoice = { driver: "local", options: {} };
const FORMATS = {
  local: "cri",
  "json-file": "json",
  none: "none",
  journald: "sink",
  // Docker's word is dual logging: what is sent away can be read here too.
  syslog: "both",
} as const;

function formatOf(log: LogChoice): LogFormat {
  return isCached(log) ? FORMATS[log.driver] : "sink";
}

/** How a container is started. */
interface StartOptions {
  /** Whether somebody asked for it, rather than its restart policy. */
  readonly isByHand?: boolean;
  /** Who stays with it and does what follows its end; absent: another teu does, which its monitor starts. */
  readonly foreground?: Foreground | undefined;
  /** An end that is asked for before the program has begun. */
  readonly signal?: AbortSignal;
}

/** Starts `container`, of which the bundle is `made`. */
export async function startMonitored(
  store: Store,
  container: ContainerRecord,
  made: Bundle,
  observe: StepObserver,
  { isByHand = true, foreground, signal }: StartOptions = {},
): Promise<void> {
  const bundle = hasLinks(container)
    ? (await import("./links.ts")).withLinkedEnvironment(store, container, made)
    : made;
  const driver = await driverOf(store, container.settings.runtime);
  using cgroups = openMonitorCgroups();
  using failing = new DisposableStack();
  const monitor = failing.use(Monitor.start(cgroups.directory));
  const creating = performance.now();
  const created = await create(store, container, bundle, driver, {
    monitor,
    joins: cgroups.joins,
    foreground,
    signal,
  });
  nameContainer(monitor, created);
  observe({
    kind: "create",
    runtime: driver.name,
    systemCalls: created.systemCalls,
    namespaces: (bundle.config.linux?.namespaces ?? []).map(({ type }) => type),
    cgroup: bundle.config.linux?.cgroupsPath ?? "",
    pid: created.pid,
    durationMs: since(creating),
  });
  const starting = performance.now();
  await connect(store, container, created.pid);
  signal?.throwIfAborted();
  noteStartInAudit(store, container, bundle, created.planDigest);
  foreground?.begin(driver);
  const startedAt = Date.now(); // of its program, which may end before this is recorded
  await driver.start(container.id);
  const owner = {
    ...{ pid: monitor.pid, startTime: startTimeOf(monitor.pid) ?? 0, bootID: bootID() },
    ...(monitor.inode !== undefined && { inode: monitor.inode }),
  };
  await recordFate(store.database, container, () => {
    markRunning(store.database, container.id, owner, startedAt);
    noteStart(store, container, isByHand);
    if (container.settings.health !== undefined)
      putHealth(store.database, { container: container.id, status: "starting", failingStreak: 0, log: [] });
  });
  if (container.settings.health !== undefined) sendForSupervisor(store);
  observe({ kind: "start", args: bundle.config.process?.args ?? [], durationMs: since(starting) });
  if (foreground !== undefined) return foreground.hold(failing.move());
  failing.dispose();
  // It may have ended while we were there to do what follows.
  await settle(store, findContainer(store, container.id));
}

function hasLinks({ settings }: ContainerRecord): boolean {
  return settings.networks?.some(({ links }) => links !== undefined) ?? false;
}

async function create(
  store: Store,
  container: ContainerRecord,
  bundle: Bundle,
  driver: RuntimeDriver,
  {
    monitor,
    joins,
    foreground,
    signal,
  }: {
    readonly monitor: Monitor;
    readonly joins: readonly number[];
    readonly foreground: Foreground | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Created> {
  const { id, settings } = container;
  const log = settings.log ?? DEFAULT_LOG;
  const directory = containerDirectory(store, id);
  rmSync(join(directory, "exit"), { force: true }); // of an earlier run
  const opened: number[] = [];
  const open = (descriptor: number): number => {
    opened.push(descriptor);
    return descriptor;
  };
  try {
    const kept = { directory: open(openSync(directory, "r")), listener: open(listenIn(bundle.path)) };
    const nothing = open(openSync("/dev/null", "r+"));
    const streams: Partial<Record<"stdin" | "stdout" | "stderr", number>> = {};
    const piped = (name: keyof typeof streams): number => {
      const given = foreground?.given[name];
      if (given !== undefined) return given;
      const { read, write } = pipe();
      const [ours, theirs] = name === "stdin" ? [write, read] : [read, write];
      streams[name] = open(ours);
      return open(theirs);
    };
    const isPiped = settings.terminal !== true;
    const stdio = isPiped
      ? ([settings.interactive ? piped("stdin") : nothing, piped("stdout"), piped("stderr")] as const)
      : ([nothing, nothing, nothing] as const);
    const { user } = bundle.config.process ?? {};
    if (settings.users !== undefined && user !== undefined)
      (await import("../users/process.ts")).giveStreams(settings.users, user, stdio);
    const [format, environment] = [formatOf(log), bundle.config.process?.env ?? []];
    const sink =
      format === "sink" || format === "both"
        ? await (await import("../logs/sink.ts")).openSink(log, container, environment, monitor.pid)
        : undefined;
    const members =
      format === "json"
        ? (await import("../logs/attrs.ts")).jsonMembers(log, container, environment)
        : undefined;
    const given = { ...kept, ...streams, ...(sink && { sink: open(sink.socket) }) };
    const configuration = configurationFor(store, container, log);
    monitor.configure(given, { ...configuration, sink: sink?.texts, members }, joins);
    return await driver.create({
      id,
      bundle,
      stdio,
      terminal: !isPiped,
      onTerminal: (master) => {
        if (foreground !== undefined) copyTerminalSize(1, master);
        monitor.giveTerminal(master);
        closeSync(master);
      },
      monitor,
      signal,
    });
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

/** Its cgroup is there by now: the monitor reads in the end what the kernel counted. */
function nameContainer(monitor: Monitor, { pid, cgroupPaths }: Created): void {
  const events = openOomEvents(cgroupPaths ?? pathsOf(pid));
  try {
    monitor.nameContainer(pid, events);
  } finally {
    if (events !== undefined) closeSync(events);
  }
}

/** What follows is done by another teu, which is told where the store is and nothing else of our environment. */
function configurationFor(store: Store, { id, settings }: ContainerRecord, log: LogChoice): Configuration {
  const { words, env } = afterExit(store, id);
  return {
    log: { format: formatOf(log), ...fileLimits(log) },
    stdinOnce: !settings.keepsInput,
    isPassing: settings.autoRemove,
    handler: {
      path: words[0] ?? "",
      argv: words,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    },
  };
}
