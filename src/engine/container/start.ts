/**
 * Starts a container that goes on without us: under a monitor of its own, which becomes the owner of the record. Whoever looks
 * after the container later finds it by the monitor's socket and by what it writes.
 */
import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startTimeOf, thisOwner } from "../../base/index.ts";
import { pipe } from "../../sys/index.ts";
import type { RuntimeDriver } from "../driver/driver.ts";
import { listenIn } from "../monitor/attachment.ts";
import { openMonitorCgroups, openOomEvents } from "../monitor/cgroups.ts";
import { Monitor } from "../monitor/monitor.ts";
import type { Configuration } from "../monitor/protocol.ts";
import { type StepObserver, since } from "../run/steps.ts";
import { type ContainerRecord, markRunning } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { driverOf } from "./driver-of.ts";
import type { Bundle } from "./make.ts";
import { connect } from "./network.ts";
import { settle } from "./recover.ts";
import { findContainer } from "./remove.ts";
import { afterExit, noteStart } from "./restart.ts";

/** One file of a log, and how many: docker's driver `local` keeps as much. */
const LOG = { format: "cri", maxBytes: 20 << 20, files: 5 } as const;

/**
 * Starts `container`, of which `bundle` is ready.
 * @param options.isByHand  Whether somebody asked for it, rather than its restart policy.
 * @param options.beforeStart  Called when its monitor listens and its program has not begun: who attaches here misses nothing.
 */
export async function startDetached(
  store: Store,
  container: ContainerRecord,
  bundle: Bundle,
  observe: StepObserver,
  {
    isByHand = true,
    beforeStart = () => undefined,
  }: { readonly isByHand?: boolean; readonly beforeStart?: () => void } = {},
): Promise<void> {
  const driver = await driverOf(store, container.settings.runtime);
  using cgroups = await openMonitorCgroups();
  using monitor = Monitor.start(cgroups.directory);
  const creating = performance.now();
  const created = await create(store, container, bundle, driver, { monitor, joins: cgroups.joins });
  await nameContainer(monitor, created.pid);
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
  beforeStart();
  await driver.start(container.id);
  const owner = { ...thisOwner(), pid: monitor.pid, startTime: startTimeOf(monitor.pid) ?? 0 };
  inTransaction(store.database, () => {
    markRunning(store.database, container.id, owner);
    noteStart(store, container, isByHand);
  });
  observe({ kind: "start", args: bundle.config.process?.args ?? [], durationMs: since(starting) });
  // It may have ended before the record said that it runs: then nobody else does what follows.
  await settle(store, findContainer(store, container.id));
}

async function create(
  store: Store,
  { id, settings }: ContainerRecord,
  bundle: Bundle,
  driver: RuntimeDriver,
  { monitor, joins }: { readonly monitor: Monitor; readonly joins: readonly number[] },
): Promise<{ pid: number; systemCalls?: number }> {
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
    const isPiped = settings.terminal !== true;
    const [input, output, errors] = [pipe(), pipe(), pipe()].map(({ read, write }) => ({
      read: open(read),
      write: open(write),
    })) as [Ends, Ends, Ends]; // as many as were made
    const ours = isPiped
      ? { ...(settings.interactive && { stdin: input.write }), stdout: output.read, stderr: errors.read }
      : {};
    monitor.configure({ ...kept, ...ours }, configurationFor(store, id), joins);
    return await driver.create({
      id,
      bundle: bundle.path,
      stdio: isPiped
        ? [settings.interactive ? input.read : nothing, output.write, errors.write]
        : [nothing, nothing, nothing],
      terminal: !isPiped,
      onTerminal: (master) => {
        monitor.giveTerminal(master);
        closeSync(master);
      },
      monitor,
    });
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

/** Its cgroup is there by now: the monitor reads in the end what the kernel counted. */
async function nameContainer(monitor: Monitor, pid: number): Promise<void> {
  const events = await openOomEvents(pid);
  try {
    monitor.nameContainer(pid, events);
  } finally {
    if (events !== undefined) closeSync(events);
  }
}

interface Ends {
  readonly read: number;
  readonly write: number;
}

/** What follows is done by another teu, which is told where the store is and nothing else of our environment. */
function configurationFor(store: Store, id: string): Configuration {
  const { words, env } = afterExit(store, id);
  return {
    log: LOG,
    stdinOnce: true,
    handler: {
      path: words[0] ?? "",
      argv: words,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    },
  };
}
