/** How the registry's answers and its garbage collection grow with what it holds. The database alone: it is what grows. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { listReferrers } from "../src/distribution/registry/referrers.ts";
import { openStorage, type Storage } from "../src/distribution/registry/storage/storage.ts";
import { listTags } from "../src/distribution/registry/tags.ts";
import { collect } from "../src/distribution/registry/upkeep/collect.ts";
import { digestOf, type RepositoryName } from "../src/spec/index.ts";
import type { Curve } from "./support/plot.ts";
import type { Section } from "./support/report.ts";
import { type Measured, SAMPLES, summarise } from "./support/sample.ts";

const NAME = "team/app" as RepositoryName;
const SUBJECT = digestOf("subject");
/** The largest takes a quiet machine some minutes, and a busy one an hour: whoever asks for fewer samples does without. */
const SIZES = [1_000, 10_000, 100_000, ...(SAMPLES < 40 ? [] : [1_000_000])];
const PAGES = Math.max(1, Math.min(SAMPLES, 20));
const IDLE_MS = 0.1;
const DAY_MS = 24 * 60 * 60 * 1000;

/** What was seen with so many manifests; a tenth of them has a tag, a twentieth refers to one subject, half are garbage. */
interface Seen {
  readonly tags: number[];
  readonly referrers: number[];
  readonly steps: number[];
  readonly marked: number;
  readonly removed: number;
}

async function observe(size: number): Promise<Seen> {
  const folder = mkdtempSync(join(tmpdir(), "teu-bench-gc-"));
  try {
    using storage = openStorage(folder);
    fill(storage, size);
    const tags = await times(() =>
      listTags(storage.metadata, NAME, new URLSearchParams({ last: `t${size >> 5}` })),
    );
    const referrers = await times(() =>
      listReferrers(storage.metadata, NAME, SUBJECT, new URLSearchParams()),
    );
    const options = {
      retention: [],
      removeUntagged: ["**"],
      graceMs: DAY_MS,
      isImmutable: () => false,
      isDryRun: false,
    };
    const { steps, seconds, result } = await watched(() => collect(storage, options));
    return { tags, referrers, steps, marked: size / seconds, removed: result.manifests };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rows as pushes would have left them two days ago: a manifest is made of a config and a layer of its own. */
function fill({ metadata: { database } }: Storage, size: number): void {
  const at = Date.now() - 2 * DAY_MS;
  // Spread, as digests are: the number turned by a multiplication stands in front of the number itself.
  const digest = (kind: string, i = "i"): string =>
    `'sha256:' || printf('%s%08x%055x', '${kind}', ((${i}) * 2654435761) % 4294967296, ${i})`;
  const count = `WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${size - 1})`;
  const { cache_size: kept } = database.query<{ cache_size: number }, []>("PRAGMA cache_size").get() ?? {
    cache_size: -2000,
  };
  database.run("PRAGMA cache_size = -2000000");
  database.run("INSERT INTO repositories (number, name, bytes, created_at) VALUES (1, ?1, 0, ?2)", [
    NAME,
    at,
  ]);
  database.transaction(() => {
    for (const kind of ["c", "d"])
      database.run(`INSERT INTO blobs ${count} SELECT 1, ${digest(kind)}, 10, ${at} FROM numbers`);
    database.run(`INSERT INTO manifests ${count} SELECT 1, ${digest("a")}, 'application/vnd.oci.image.manifest.v1+json', 400,
      iif(i % 20 = 0, '${SUBJECT}', NULL), iif(i % 20 = 0, 'a/b', NULL),
      iif(i % 20 = 0, '{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":400,"digest":"' || ${digest("a")} || '"}', NULL),
      ${at}, NULL FROM numbers`);
    for (const kind of ["c", "d"])
      database.run(`INSERT INTO children ${count} SELECT 1, ${digest("a")}, ${digest(kind)} FROM numbers`);
    // Of ten manifests the first has a tag and is an index of the next four: the other five are garbage.
    database.run(
      `INSERT INTO tags ${count} SELECT 1, 't' || i, ${digest("a")}, ${at} FROM numbers WHERE i % 10 = 0`,
    );
    for (const step of [1, 2, 3, 4])
      database.run(
        `INSERT INTO children ${count} SELECT 1, ${digest("a")}, ${digest("a", `i + ${step}`)} FROM numbers WHERE i % 10 = 0`,
      );
  })();
  // What is on its way to the disk from this shall not hold up what is measured.
  database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  database.run(`PRAGMA cache_size = ${kept}`);
}

async function times(ask: () => Promise<Response>): Promise<number[]> {
  const all: number[] = [];
  using clock = new Clock();
  for (let round = 0; round < PAGES; round++) {
    const begin = clock.now();
    const response = await ask();
    await response.arrayBuffer();
    all.push(clock.now() - begin);
    if (response.status !== 200) throw new Error(`status ${response.status}`);
  }
  return all;
}

/** Milliseconds, but for those in which other processes had the processor: a step that computes or waits for the disk holds others up. */
class Clock implements Disposable {
  readonly #schedstat = openSync("/proc/self/schedstat", "r");
  readonly #bytes = Buffer.alloc(128);

  now(): number {
    // Most of all, a processor is taken away when a call returns: between the two figures, if they were read once.
    for (let before = this.#waitedMs(); ; ) {
      const at = performance.now();
      const after = this.#waitedMs();
      if (after === before) return at - after;
      before = after;
    }
  }

  #waitedMs(): number {
    const length = readSync(this.#schedstat, this.#bytes, 0, this.#bytes.length, 0);
    return Number(this.#bytes.toString("latin1", 0, length).split(" ")[1]) / 1e6;
  }

  [Symbol.dispose](): void {
    closeSync(this.#schedstat);
  }
}

/** Does something, and notes how long each turn of the event loop was meanwhile. */
async function watched<T>(work: () => Promise<T>): Promise<{ steps: number[]; seconds: number; result: T }> {
  const steps: number[] = [];
  let isDone = false;
  const watch = (async () => {
    using clock = new Clock();
    for (let last = clock.now(); !isDone; ) {
      await nextTurn();
      const now = clock.now();
      // Others are not kept waiting by turns in which the collection waits itself.
      if (now - last > IDLE_MS) steps.push(now - last);
      last = now;
    }
  })();
  const begin = performance.now();
  const result = await work();
  const seconds = (performance.now() - begin) / 1000;
  isDone = true;
  await watch;
  return { steps, seconds, result };
}

/** In milliseconds; a figure each of how things grow. */
export async function benchRegistryGrowth(): Promise<Section> {
  const seen = new Map<number, Seen>();
  for (const size of SIZES) seen.set(size, await observe(size));
  const rows = (of: number, pick: (one: Seen) => readonly number[]): Measured[] =>
    [...seen].map(([size, one]) => summarise(`${(size / of).toLocaleString("en")}`, pick(one)));
  const longest = ({ steps }: Seen): number[] => [steps.reduce((a, b) => Math.max(a, b), 0)];
  const slowest = ({ steps }: Seen): number[] => [
    steps.toSorted((a, b) => a - b)[Math.floor(steps.length * 0.999)] ?? 0,
  ];
  const curve = (name: string, of: number, pick: (one: Seen) => readonly number[]): Curve => ({
    name,
    points: [...seen].map(([size, one]) => [size / of, summarise(name, pick(one)).median]),
  });
  const rates = [...seen].map(
    ([size, { marked, removed }]) =>
      `${size.toLocaleString("en")}: ${Math.round(marked).toLocaleString("en")} a second, ${removed.toLocaleString("en")} removed`,
  );
  return {
    title: "The registry as it grows",
    says:
      "One repository in which a tenth of the manifests has a tag and half are garbage, collected while the registry serves; the ratio shows what ten and a hundred times as many cost.\n" +
      `Goals: a page in 20 ms, no step of the collection longer than 15 ms. Times are without those in which other processes had the processor (${Math.round(loadavg()[1] ?? 0)} wanted one); the disk was everybody's. Manifests looked at, marked and removed: ${rates.join("; ")}.`,
    unit: "ms",
    tables: [
      { name: "a page of up to 10,000 tags, of so many", rows: rows(10, ({ tags }) => tags) },
      { name: "a page of up to 5,000 referrers, of so many", rows: rows(20, ({ referrers }) => referrers) },
      { name: "the collection's steps, with so many manifests", rows: rows(1, ({ steps }) => steps) },
      { name: "999 of 1,000 steps are shorter than", rows: rows(1, slowest) },
      { name: "its longest step, which waits for the disk", rows: rows(1, longest) },
    ],
    plots: [
      {
        file: "registry-growth.svg",
        title: "The registry as it grows",
        of: "tags, referrers or manifests that there are",
        costs: "ms",
        curves: [
          curve("a page of tags", 10, ({ tags }) => tags),
          curve("a page of referrers", 20, ({ referrers }) => referrers),
          curve("a step of the collection", 1, ({ steps }) => steps),
          curve("999 of 1,000 steps", 1, slowest),
          curve("the longest step", 1, longest),
        ],
      },
    ],
  };
}
