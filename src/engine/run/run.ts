/**
 * A container in the foreground: made, started, waited for, cleaned up. Whatever happens on the way, nothing stays that
 * was not asked for: no process, mount, cgroup or directory.
 */
import { TeuError, thisOwner } from "../../base/index.ts";
import type { Seccomp } from "../../spec/index.ts";
import { childEnded } from "../../sys/index.ts";
import { driverOf } from "../container/driver-of.ts";
import { type Bundle, makeBundle, recordContainer } from "../container/make.ts";
import { connect } from "../container/network.ts";
import { removeContainer, stopAndUnmount } from "../container/remove.ts";
import type { ContainerRequest, UnpackedImage } from "../container/request.ts";
import { startDetached } from "../container/start.ts";
import type { Created, RuntimeDriver } from "../driver/driver.ts";
import { type ContainerRecord, markCreated, markExited, markRunning } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { noteContainerEvent } from "../store/events.ts";
import type { Store } from "../store/store.ts";
import { forwardSignals } from "./signals.ts";
import { type StepObserver, since } from "./steps.ts";
import { type StreamOptions, Streams } from "./streams.ts";

/** What a new container is given while its image is held. */
export interface HeldImage {
  readonly seccomp: Seccomp | undefined;
  /** Called when the container's record holds on to its image. */
  onRecorded(): void;
  /** An end that is asked for before there is a container to tell. */
  readonly signal: AbortSignal;
}

type RunRequest = ContainerRequest & HeldImage;

/** The first failure, and those that cleaning up after it met. */
export class CleanUpFailed extends TeuError<"clean-up-failed", { errors: readonly string[] }> {
  constructor(first: unknown, second: unknown) {
    const texts = [first, second].map((error) => (error instanceof Error ? error.message : String(error)));
    super(
      "clean-up-failed",
      "internal",
      { errors: texts },
      `${texts[0]}; and cleaning up after it: ${texts[1]}`,
      { cause: first, hint: "The next teu command tries to clean up again" },
    );
  }
}

/** Runs a container of `image` and waits for it. @returns its exit status, 128 + signal where it was killed */
export async function runContainer(
  store: Store,
  image: UnpackedImage,
  request: RunRequest,
  observe: StepObserver,
): Promise<number> {
  const { interactive } = request;
  const { terminal } = request.options;
  using streams = new Streams({ interactive, terminal } satisfies StreamOptions);
  const driver = await driverOf(store, request.runtime);
  const started = performance.now();
  const container = recordContainer(store, image, request);
  request.onRecorded();
  return await cleaningUpAfter(store, container, async () => {
    const bundle = await makeBundle(store, container, image, request, request.seccomp);
    observe({ kind: "bundle", path: bundle.path, ...countsOf(bundle), durationMs: since(started) });
    request.signal.throwIfAborted();
    return await runBundle(store, container, bundle, driver, streams, request.signal, observe);
  });
}

/** Starts a container of `image` that goes on without us. @returns its ID */
export async function startContainer(
  store: Store,
  image: UnpackedImage,
  request: RunRequest,
  observe: StepObserver,
): Promise<string> {
  const started = performance.now();
  const container = recordContainer(store, image, request);
  request.onRecorded();
  await removingAfterFailure(store, container, async () => {
    const bundle = await makeBundle(store, container, image, request, request.seccomp);
    observe({ kind: "bundle", path: bundle.path, ...countsOf(bundle), durationMs: since(started) });
    request.signal.throwIfAborted();
    await startDetached(store, container, bundle, observe);
  });
  return container.id;
}

/** Makes a container of `image` that can be started, and starts nothing. @returns its ID */
export async function createContainer(
  store: Store,
  image: UnpackedImage,
  request: RunRequest,
): Promise<string> {
  const container = recordContainer(store, image, request);
  request.onRecorded();
  await removingAfterFailure(store, container, async () => {
    await makeBundle(store, container, image, request, request.seccomp);
    request.signal.throwIfAborted();
    await stopAndUnmount(store, container);
    inTransaction(store.database, () => markCreated(store.database, container.id));
  });
  return container.id;
}

async function runBundle(
  store: Store,
  container: ContainerRecord,
  bundle: Bundle,
  driver: RuntimeDriver,
  streams: Streams,
  signal: AbortSignal,
  observe: StepObserver,
): Promise<number> {
  const { id } = container;
  const created = await create(id, bundle, driver, streams, observe);
  const ended = childEnded(created.pid);
  using _signals = forwardSignals((signal) => {
    // One that comes too late finds nobody, which is no news: the end is what we wait for anyhow.
    driver.kill(id, signal).catch(() => undefined);
  });
  signal.throwIfAborted();
  const starting = performance.now();
  await connect(store, container, created.pid);
  await driver.start(id);
  inTransaction(store.database, () => markRunning(store.database, id, thisOwner()));
  observe({ kind: "start", args: bundle.config.process?.args ?? [], durationMs: since(starting) });
  const { status } = await ended;
  await streams.drained();
  return status;
}

async function create(
  id: string,
  bundle: Bundle,
  driver: RuntimeDriver,
  streams: Streams,
  observe: StepObserver,
): Promise<Created> {
  const start = performance.now();
  const { config } = bundle;
  const created = await driver.create({
    id,
    bundle: bundle.path,
    stdio: streams.stdio,
    terminal: config.process?.terminal ?? false,
    onTerminal: (master) => streams.attach(master),
  });
  streams.handOver();
  observe({
    kind: "create",
    runtime: driver.name,
    systemCalls: created.systemCalls,
    namespaces: (config.linux?.namespaces ?? []).map(({ type }) => type),
    cgroup: config.linux?.cgroupsPath ?? "",
    pid: created.pid,
    durationMs: since(start),
  });
  return created;
}

/** Runs `work`, then takes away what is not to stay: everything with --rm or after a failure, else all but the writable layer. */
async function cleaningUpAfter(
  store: Store,
  container: ContainerRecord,
  work: () => Promise<number>,
): Promise<number> {
  const status = await removingAfterFailure(store, container, work);
  if (container.settings.autoRemove) {
    inTransaction(store.database, () =>
      noteContainerEvent(store.database, container.id, "die", { exitCode: `${status}` }),
    );
    await removeContainer(store, container, { force: true });
    return status;
  }
  await stopAndUnmount(store, container);
  inTransaction(store.database, () => markExited(store.database, container.id, status));
  return status;
}

/** Runs `work`; if it fails, nothing of the container stays. */
async function removingAfterFailure<T>(
  store: Store,
  container: ContainerRecord,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    try {
      await removeContainer(store, container, { force: true });
    } catch (second) {
      throw new CleanUpFailed(error, second);
    }
    throw error;
  }
}

function countsOf({ config }: Bundle): { mounts: number; capabilities: number; seccompRules: number } {
  return {
    mounts: config.mounts?.length ?? 0,
    capabilities: config.process?.capabilities?.bounding?.length ?? 0,
    seccompRules: (config.linux?.seccomp?.syscalls ?? []).reduce((sum, { names }) => sum + names.length, 0),
  };
}
