/**
 * Containers from images: made, started, waited for. Whatever happens on the way, nothing stays that was not asked for: no
 * process, mount, cgroup or directory.
 */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { TeuError } from "../../base/index.ts";
import { writeError } from "../../content/index.ts";
import { digestOf } from "../../spec/index.ts";
import { isTerminal } from "../../sys/index.ts";
import { appendAudit } from "../audit/append.ts";
import { allowedBy, type SignatureVerdict } from "../audit/entry.ts";
import type { Bundle } from "../bundle/bundle.ts";
import { type AttachOptions, Detached } from "../container/attach.ts";
import { driverOf } from "../container/driver-of.ts";
import { Foreground } from "../container/foreground.ts";
import { makeBundle, recordContainer } from "../container/make.ts";
import { removeContainer, stopAndUnmount } from "../container/remove.ts";
import type { ContainerRequest, UnpackedImage } from "../container/request.ts";
import { startMonitored } from "../container/start.ts";
import type { Filter } from "../default-filter.ts";
import { InvalidOption } from "../options/error.ts";
import { type ContainerRecord, encodeMaps, type HeldImageMount, markCreated } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import type { Store } from "../store/store.ts";
import { type StepObserver, since } from "./steps.ts";
import { NotATerminal } from "./streams.ts";

/** What a new container is given while its image is held. */
export interface HeldImage {
  readonly filter: Filter | undefined;
  /** Those whose files it is to see, which are held too. */
  readonly images: readonly HeldImageMount[];
  /** What the signature policy made of the image. */
  readonly verdict: SignatureVerdict;
  /** Called when the container's record holds on to its image. */
  onRecorded(): void;
  /** An end that is asked for before there is a container to tell. */
  readonly signal: AbortSignal;
}

type RunRequest = Omit<ContainerRequest, "images"> & HeldImage;

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

/** Runs a container of `image` and waits for it. @returns its exit status, 128 + signal where it was killed. @throws {NotATerminal} */
export async function runContainer(
  store: Store,
  image: UnpackedImage,
  request: RunRequest,
  observe: StepObserver,
  attach: AttachOptions = {},
  onStarted: (id: string) => void = () => undefined,
): Promise<number> {
  if (request.interactive && request.options.terminal && !isTerminal(0)) throw new NotATerminal();
  const container = await record(store, image, request);
  using foreground = new Foreground(store, container, {
    ...attach,
    readsInput: request.interactive && (attach.readsInput ?? true),
  });
  await start(store, container, image, request, observe, foreground);
  onStarted(container.id);
  try {
    return await foreground.relayToEnd();
  } catch (error) {
    if (attach.leavesAfterInput === true && error instanceof Detached) return 0;
    throw error;
  }
}

/** Starts a container of `image` that goes on without us. @returns its ID */
export async function startContainer(
  store: Store,
  image: UnpackedImage,
  request: RunRequest,
  observe: StepObserver,
): Promise<string> {
  const container = await record(store, image, request);
  await start(store, container, image, request, observe);
  return container.id;
}

/** Makes a container of `image` that can be started, and starts nothing. @returns its ID */
export async function createContainer(
  store: Store,
  image: UnpackedImage,
  request: RunRequest,
): Promise<string> {
  const container = await record(store, image, request);
  await removingAfterFailure(store, container, async () => {
    noteInAudit(
      store,
      container,
      await makeBundle(store, container, image, request, request.filter, false),
      request,
      false,
    );
    request.signal.throwIfAborted();
    await stopAndUnmount(store, container);
    inTransaction(store.database, () => markCreated(store.database, container.id));
  });
  return container.id;
}

async function record(store: Store, image: UnpackedImage, request: RunRequest): Promise<ContainerRecord> {
  const driver = await driverOf(store, request.runtime); // one that is not there could not clean up either
  const chooseUsers = request.users && (await import("../users/choose.ts")).chooserOf(store, request);
  const { idFile } = request;
  // Nobody else's is written over: another container may be known by it.
  const file = idFile === undefined ? undefined : openIDFile(idFile);
  try {
    const { container, isOnDisk } = recordContainer(store, image, request, request.images, chooseUsers);
    await removingAfterFailure(store, container, async () => {
      // Meanwhile there is something to load.
      await Promise.all([isOnDisk, driver.prepare?.()]);
    });
    request.onRecorded();
    if (file !== undefined) writeSync(file, container.id);
    return container;
  } catch (error) {
    if (idFile !== undefined) rmSync(idFile, { force: true });
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Before anything runs: what cannot be told of is not done.
 * @param isStarted  Whether it is started next, which is told too.
 */
function noteInAudit(
  store: Store,
  container: ContainerRecord,
  { config, text }: Bundle,
  request: RunRequest,
  isStarted: boolean,
): void {
  // Of the host's programs, hooks and other runtimes run before that.
  const isAlone = !isStarted || config.hooks !== undefined || container.settings.runtime !== undefined;
  const { id, name, image, imageTarget, settings } = container;
  const { uid = 0, gid = 0 } = config.process?.user ?? {};
  const allowed = allowedBy(config, container, typeof request.seccomp === "object");
  const entry = {
    ...({ action: "create", container: id, name, image, imageDigest: imageTarget.digest } as const),
    ...{ args: settings.command, user: `${uid}:${gid}`, signature: request.verdict },
    ...(settings.users && {
      ids: { uids: encodeMaps(settings.users.uids), gids: encodeMaps(settings.users.gids) },
    }),
    configDigest: digestOf(text),
    ...(allowed && { allowed }),
  };
  appendAudit(store.paths.root, entry, { waits: isAlone });
}

/** @throws {InvalidOption} docker's words */
function openIDFile(path: string): number {
  try {
    return openSync(path, "wx", 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new InvalidOption(
      { option: "--cidfile", value: path },
      `container ID file found, make sure the other container isn't running or delete ${path}`,
    );
  }
}

async function start(
  store: Store,
  container: ContainerRecord,
  image: UnpackedImage,
  request: RunRequest,
  observe: StepObserver,
  foreground?: Foreground,
): Promise<void> {
  const { filter, signal } = request;
  const started = performance.now();
  await removingAfterFailure(store, container, async () => {
    const bundle = await makeBundle(store, container, image, request, filter, true);
    noteInAudit(store, container, bundle, request, true);
    observe({ kind: "bundle", path: bundle.path, ...countsOf(bundle), durationMs: since(started) });
    signal.throwIfAborted();
    await startMonitored(store, container, bundle, observe, { foreground, signal });
  });
}

/** Runs `work`; if it fails, nothing of the container stays. */
async function removingAfterFailure<T>(
  store: Store,
  container: ContainerRecord,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (caught) {
    const path = caught instanceof Error && "path" in caught ? `${caught.path}` : store.paths.root;
    const error = writeError(caught, path);
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
