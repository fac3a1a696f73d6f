/**
 * Takes a container away: its processes, its mounts, its files, its record, in this order. Each step is harmless when it
 * was done before, so that whoever finds a half-removed container can begin again.
 */
import { existsSync, readFileSync, rm, rmSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, hasCode, isAlive, type Owner, TeuError } from "../../base/index.ts";
import { unmount, unmountAside } from "../mount/calls.ts";
import { closePlaces } from "../mount/places.ts";
import { projectIn, releaseProject } from "../snapshot/limit-directory.ts";
import { beginRemoval, type ContainerRecord, deleteContainer, recordFate } from "../store/containers.ts";
import { togetherWithOthers } from "../store/database.ts";
import { bundleDirectory, containerDirectory, type Store, snapshotDirectory } from "../store/store.ts";
import { closeVolumes } from "../volume/hold.ts";
import { driverOf } from "./driver-of.ts";
import { disconnect } from "./places.ts";

/** It runs, and force was not asked for. Docker's words. */
export class ContainerRunning extends TeuError<"container-running", { id: string; name: string }> {
  constructor(context: { id: string; name: string }) {
    super(
      "container-running",
      "failed-precondition",
      context,
      `Cannot remove container "/${context.name}": container is running: stop the container before removing or force remove`,
    );
  }
}

/**
 * Removes `container`; one that runs only if `force`, and then by killing it.
 * @param options.volumes  Its anonymous volumes too, which go in any case with one that was to leave nothing, or was never made.
 */
export async function removeContainer(
  store: Store,
  container: ContainerRecord,
  options: { readonly force: boolean; readonly volumes?: boolean },
): Promise<void> {
  const { id, name, phase, owner } = container;
  // One that has ended has an owner only while it is started again.
  const isInUse = phase !== "exited" || isAlive(owner);
  if (isInUse && !options.force) throw new ContainerRunning({ id, name });
  await stopAndUnmount(store, container);
  // One that was to leave nothing, or was never made, is removed by whoever finds it without its owner.
  if (!container.settings.autoRemove && phase !== "creating")
    beginRemoval(store.database, id, { volumes: options.volumes ?? false });
  await Promise.all([removeSnapshot(store, container), removeTree(container, containerDirectory(store, id))]);
  const isLast = options.volumes || container.settings.autoRemove || phase === "creating";
  const mounts = isLast ? (container.settings.mounts ?? []) : [];
  const volumes = mounts.flatMap((mount) => (mount.kind === "volume" ? [mount.name] : []));
  if (volumes.length === 0) {
    await recordFate(store.database, container, () => deleteContainer(store.database, container));
    return;
  }
  const { finishRemovals, removeUnused } = await import("../volume/remove.ts");
  await togetherWithOthers(store.database, () => {
    deleteContainer(store.database, container);
    removeUnused(store, volumes);
  });
  finishRemovals(store);
}

/** Ends whatever is left of the container but for its record and its writable layer. */
export async function stopAndUnmount(store: Store, container: ContainerRecord): Promise<void> {
  const bundle = bundleDirectory(store, container.id);
  if (!existsSync(bundle)) {
    // A reboot takes bundles and devices; records stay.
    await disconnect(store, container);
    return;
  }
  await endByRuntime(store, container);
  await endMonitor(container.owner);
  await disconnect(store, container);
  const rootfs = join(bundle, "rootfs") as HostPath;
  if (container.settings.autoRemove) unmount(rootfs);
  else await unmountAside(rootfs);
  unmount(join(bundle, "shm") as HostPath);
  closePlaces(bundle);
  await closeVolumes(store, container);
  await removeTree(container, bundle);
}

/**
 * In a thread of Bun's, which costs two milliseconds once: what is removed beside it need not wait for the file system's journal too. One that
 * goes with its end is mostly alone.
 */
async function removeTree({ settings }: ContainerRecord, path: string): Promise<void> {
  if (settings.autoRemove) {
    rmSync(path, { recursive: true, force: true });
    return;
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  rm(path, { recursive: true, force: true }, (error) =>
    error === null || error === undefined ? resolve() : reject(error),
  );
  await promise;
}

/** By the runtime that made it; where that is gone, hangs or refuses, our own ends what is left in the container's cgroups. */
async function endByRuntime(store: Store, { id, settings }: ContainerRecord): Promise<void> {
  try {
    await (await driverOf(store, settings.runtime)).delete(id);
  } catch (error) {
    if (settings.runtime === undefined || !FAILURES.some((code) => hasCode(error, code))) throw error;
    await (await driverOf(store, undefined)).delete(id);
  }
}

const FAILURES = ["runtime-failed", "no-such-runtime"];
const MONITOR_NAME = "teu-monitor\n";
const PATIENCE_MS = 2000;
const LOOK_AGAIN_MS = 2;

/** Waits for a monitor to write what it has to write; one that a client holds up, or that hangs, is killed. */
async function endMonitor(owner: Owner): Promise<void> {
  if (!isAlive(owner) || nameOf(owner.pid) !== MONITOR_NAME) return;
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
    if (!isAlive(owner)) return;
    await Bun.sleep(LOOK_AGAIN_MS);
  }
  try {
    process.kill(owner.pid, "SIGKILL");
  } catch (error) {
    if (isAlive(owner)) throw error; // it has just ended
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return ""; // it has just ended
  }
}

async function removeSnapshot(store: Store, container: ContainerRecord): Promise<void> {
  const { snapshot, settings } = container;
  if (snapshot === null) return;
  const directory = snapshotDirectory(store, snapshot);
  const isLimited = settings.storage !== undefined && existsSync(directory);
  const project = isLimited ? projectIn(directory) : undefined;
  await removeTree(container, directory);
  if (project !== undefined) releaseProject(store, store.paths.snapshots, project);
}
