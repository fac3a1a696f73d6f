/** What containers use: `teu stats`. Two looks at the counters make a rate. Source: docker stats reference; kernel cgroup documentation. */
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { type ContainerRecord, listContainers } from "../store/containers.ts";
import type { Store } from "../store/store.ts";
import { driverOf } from "./driver-of.ts";
import { ContainerNotRunning, findContainer } from "./find.ts";

/** Counters of one container at one moment. */
export interface Counters {
  readonly atMs: number;
  /** Of processor time, in nanoseconds, since it began. */
  readonly cpuNs: number;
  /** Without what the kernel can give up at once. */
  readonly memoryBytes: number;
  /** The machine's memory where it has no limit. */
  readonly memoryLimitBytes: number;
  readonly pids: number;
  readonly blockReadBytes: number;
  readonly blockWrittenBytes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Reads the counters of a container that runs; undefined: it does not, or not any more. */
async function readCounters(store: Store, container: ContainerRecord): Promise<Counters | undefined> {
  const driver = await driverOf(store, container.settings.runtime);
  const pid = await driver.pidOf(container.id);
  if (pid === undefined) return undefined;
  const { cpu, memory, pids, blkio = {} } = await driver.statsOf(container.id);
  const raw = memory?.raw ?? {};
  const used = Number(memory?.usage?.usage ?? 0);
  const idle = Number(raw["total_inactive_file"] ?? raw["inactive_file"] ?? 0);
  const limit = Number(memory?.usage?.limit ?? 0);
  return {
    atMs: performance.now(),
    cpuNs: Number(cpu?.usage?.total ?? 0),
    memoryBytes: Math.max(0, used - idle),
    memoryLimitBytes: limit > 0 && limit < totalmem() ? limit : totalmem(),
    pids: Number(pids?.current ?? 0),
    blockReadBytes: blockBytes(blkio, "read"),
    blockWrittenBytes: blockBytes(blkio, "write"),
    ...networkBytes(pid),
  };
}

/** Percent of one processor, as docker counts it: 200 is two of them. */
function cpuPercent(before: Counters, after: Counters): number {
  const spanNs = (after.atMs - before.atMs) * 1e6;
  if (spanNs <= 0) return 0;
  return Math.min(100 * availableParallelism(), (100 * Math.max(0, after.cpuNs - before.cpuNs)) / spanNs);
}

function blockBytes(blkio: Readonly<Record<string, unknown>>, wanted: "read" | "write"): number {
  const entries = blkio["ioServiceBytesRecursive"];
  if (!Array.isArray(entries)) return 0;
  return (entries as { op?: string; value?: bigint | number }[])
    .filter(({ op = "" }) => op.toLowerCase() === wanted)
    .reduce((sum, { value = 0 }) => sum + Number(value), 0);
}

/** Of all devices but the loopback, in the network namespace of process `pid`. */
function networkBytes(pid: number): Pick<Counters, "receivedBytes" | "sentBytes"> {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, "utf8");
  } catch {
    text = ""; // it has just ended
  }
  let [receivedBytes, sentBytes] = [0, 0];
  for (const [, name, fields = ""] of text.matchAll(/^\s*([^:\s]+):\s*(.*)$/gm)) {
    if (name === "lo") continue;
    const numbers = fields.split(/\s+/).map(Number);
    receivedBytes += numbers[0] ?? 0;
    sentBytes += numbers[8] ?? 0;
  }
  return { receivedBytes, sentBytes };
}

/** What one container uses, between two looks. */
export interface ContainerUsage {
  readonly id: string;
  readonly name: string;
  readonly cpuPercent: number;
  readonly counters: Counters;
}

const SPAN_MS = 1000;

/**
 * Yields, each second, what the containers that `names` name use, or all that run; for ever.
 * @throws {NoSuchContainer} {ContainerNotRunning}
 */
export async function* watchUsage(store: Store, names: readonly string[]): AsyncGenerator<ContainerUsage[]> {
  let before = await look(store, names);
  for (;;) {
    await Bun.sleep(SPAN_MS);
    const after = await look(store, names);
    const usage: ContainerUsage[] = [];
    for (const [id, { name, counters }] of after) {
      const earlier = before.get(id)?.counters;
      usage.push({
        id,
        name,
        counters,
        cpuPercent: earlier === undefined ? 0 : cpuPercent(earlier, counters),
      });
    }
    yield usage;
    before = after;
  }
}

async function look(
  store: Store,
  names: readonly string[],
): Promise<Map<string, { readonly name: string; readonly counters: Counters }>> {
  const containers =
    names.length === 0
      ? listContainers(store.database, store.namespace).filter(({ phase }) => phase === "running")
      : names.map((name) => findContainer(store, name));
  const seen = new Map<string, { readonly name: string; readonly counters: Counters }>();
  for (const container of containers) {
    const counters = await readCounters(store, container);
    if (counters !== undefined) seen.set(container.id, { name: container.name, counters });
    else if (names.length > 0) throw new ContainerNotRunning({ id: container.id });
  }
  return seen;
}
