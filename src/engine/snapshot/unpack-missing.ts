/**
 * Makes snapshots of layers: each one unpacked by itself, several at once, then settled on those below and committed from the bottom up. What
 * is unpacked lies under a lease until its record is made; everything is on disk before the record is.
 */
import { closeSync, mkdirSync, openSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { type AppliedLayer, type ByteString, needsMergedLower, settleLayer } from "../../image/index.ts";
import type { Descriptor } from "../../spec/index.ts";
import { check, layerFiles, syscall } from "../../sys/index.ts";
import { orDamage } from "../image/damage.ts";
import { inTransaction } from "../store/database.ts";
import { type LeaseRecord, takeLease } from "../store/leases.ts";
import { addSnapshot, findSnapshot, type SnapshotRecord } from "../store/snapshots.ts";
import { type Store, snapshotDirectory } from "../store/store.ts";
import { layerDirectories } from "./directories.ts";
import { openMerged } from "./overlay.ts";
import { syncToDisk } from "./sync-tree.ts";
import type { Arrived, MissingLayer, Unpacked } from "./unpack.ts";
import { type LayerJob, LayerProcess, unpackHere } from "./worker.ts";

interface UnpackedLayer extends MissingLayer {
  readonly lease: LeaseRecord & Disposable;
  readonly applied: AppliedLayer;
}

/** Below this, starting a process costs more than it wins. */
const SMALL_BYTES = 4 << 20;

/** Whether layers are large enough, and enough of them, to be unpacked in processes of their own. */
export function isWorthProcesses(layers: readonly Pick<Descriptor, "size">[]): boolean {
  return layers.filter(({ size }) => size > SMALL_BYTES).length > 1;
}

/** Unpacks `layers`, which stand on `base`, the lowest first. @param arrived  See `unpackLayers()` */
export async function unpackMissing(
  store: Store,
  layers: readonly MissingLayer[],
  base: SnapshotRecord | undefined,
  signal?: AbortSignal,
  arrived?: Arrived,
): Promise<Pick<Unpacked, "top" | "entries">> {
  using leases = new DisposableStack();
  const unpacked = await unpackAll(store, layers, leases, signal, arrived);
  settleAll(store, unpacked, base);
  const entries = unpacked.reduce((sum, { applied }) => sum + applied.entries, 0);
  syncToDisk(
    unpacked.map(({ lease }) => leaseDirectory(store, lease)),
    entries,
  );
  return { top: commitAll(store, unpacked, base), entries };
}

/** A few at once, in processes of their own where that is worth it. The leases belong to `leases`, whatever happens. */
async function unpackAll(
  store: Store,
  layers: readonly MissingLayer[],
  leases: DisposableStack,
  signal: AbortSignal | undefined,
  arrived: Arrived | undefined,
): Promise<UnpackedLayer[]> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const hasProcesses = isWorthProcesses(layers.map(({ descriptor }) => descriptor));
  const unpacked: UnpackedLayer[] = [];
  const rest = layers.entries();
  const worker = async () => {
    await using ending = new AsyncDisposableStack();
    let process: LayerProcess | undefined;
    for (const [number, layer] of rest) {
      either.throwIfAborted();
      await arrived?.(layer.descriptor, either);
      const lease = leases.use(takeLayerLease(store, layer));
      const job: LayerJob = {
        blob: store.content.path(layer.descriptor.digest),
        digest: layer.descriptor.digest,
        target: join(leaseDirectory(store, lease), "fs"),
        mode: "overlay",
        diffID: layer.diffID,
        // While the next layers are unpacked: what is left to the end is then little.
        isSynced: true,
      };
      mkdirSync(job.target, { recursive: true, mode: 0o755 });
      const isLarge = layer.descriptor.size > SMALL_BYTES && hasProcesses;
      if (isLarge) process ??= ending.use(new LayerProcess(either));
      const unpacking = isLarge && process !== undefined ? process.unpack(job) : unpackHere(job, either);
      const applied = await unpacking.catch(async (error: unknown) => {
        either.throwIfAborted();
        throw await orDamage(store, [layer.descriptor], error);
      });
      unpacked[number] = { ...layer, lease, applied };
    }
  };
  // One more than there are processors: a layer that is done is waited for until it is on disk.
  const count = Math.min(layers.length, hasProcesses ? availableParallelism() + 1 : 1);
  const ended = await Promise.allSettled(
    Array.from({ length: count }, () =>
      worker().catch((error: unknown) => {
        stop.abort(error); // the others need not finish
        throw error;
      }),
    ),
  );
  signal?.throwIfAborted();
  const failed = ended.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw stop.signal.reason;
  return unpacked;
}

/** A lease on a directory in the making; ending it removes what is still there. */
function takeLayerLease(store: Store, { chainID }: MissingLayer): LeaseRecord & Disposable {
  // Short: where the kernel wants all layers in one option, it takes a page at most.
  const directory = `new-${crypto.randomUUID().slice(0, 8)}`;
  const lease = takeLease(store.database, `unpack ${chainID}`, directory);
  return {
    ...lease,
    [Symbol.dispose](): void {
      rmSync(join(store.paths.snapshots, directory), { recursive: true, force: true });
      lease[Symbol.dispose]();
    },
  };
}

function leaseDirectory(store: Store, { directory }: LeaseRecord): HostPath {
  return join(store.paths.snapshots, directory ?? "") as HostPath;
}

/** From the bottom up: hard links into lower layers, and what lower layers know of directories that a layer only implies. */
function settleAll(store: Store, layers: readonly UnpackedLayer[], base: SnapshotRecord | undefined): void {
  let below = base === undefined ? [] : layerDirectories(store, base);
  for (const { lease, applied } of layers) {
    const directory = leaseDirectory(store, lease);
    const files = join(directory, "fs") as HostPath;
    settle(store, files, below, applied, join(directory, "lower") as HostPath);
    below = applied.hidesLower ? [files] : [files, ...below];
  }
}

/** @param place  A name for a directory, used for a moment. */
function settle(
  store: Store,
  files: HostPath,
  below: readonly HostPath[],
  applied: AppliedLayer,
  place: HostPath,
): void {
  const [next, ...rest] = below;
  const calls = layerFiles<ByteString>();
  if (next === undefined || !needsMergedLower(applied.unsettled)) {
    settleLayer(files, next, applied, calls);
    return;
  }
  mkdirSync(place);
  {
    using merged = openMerged(store.paths.snapshots, [next, ...rest], place);
    settleLayer(files, merged.path, applied, calls);
  }
  rmdirSync(place);
}

/** Makes layers snapshots, all or none. @returns the highest one */
function commitAll(
  store: Store,
  layers: readonly UnpackedLayer[],
  base: SnapshotRecord | undefined,
): SnapshotRecord | undefined {
  return inTransaction(store.database, () => {
    let top = base;
    for (const layer of layers) top = commit(store, layer, top);
    syncDirectory(store.paths.snapshots);
    return top;
  });
}

/** If another process was first, its snapshot is taken, and ours goes with its lease. */
function commit(
  store: Store,
  { applied, chainID, lease }: UnpackedLayer,
  parent: SnapshotRecord | undefined,
): SnapshotRecord {
  const existing = findSnapshot(store.database, chainID);
  if (existing !== undefined) return existing;
  const snapshot = addSnapshot(store.database, {
    kind: "committed",
    key: chainID,
    parent: parent?.number ?? null,
    size: applied.size,
    hidesLower: applied.hidesLower,
  });
  const target = snapshotDirectory(store, snapshot.number);
  // One that was killed between its rename and its commit left a directory by a number that it never had.
  rmSync(target, { recursive: true, force: true });
  renameSync(leaseDirectory(store, lease), target);
  return snapshot;
}

function syncDirectory(path: HostPath): void {
  const directory = openSync(path, "r");
  try {
    check(syscall("fsync", directory), "fsync", path);
  } finally {
    closeSync(directory);
  }
}
