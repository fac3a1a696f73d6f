import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "../../../content/index.ts";
import { digestOf } from "../../../spec/index.ts";
import { HashThread } from "./hash-thread.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-hash-"));
const thread = new HashThread();
const bytes = crypto.getRandomValues(new Uint8Array(40_000));
const hex = (size: number, algorithm: "sha256" | "sha512" = "sha256"): string =>
  digestOf(bytes.subarray(0, size), algorithm).slice(algorithm.length + 1);
let descriptor = 0;
beforeAll(() => {
  descriptor = openSync(join(folder, "file"), "w+");
  writeSync(descriptor, bytes);
});
afterAll(async () => {
  await thread.idle();
  thread[Symbol.dispose]();
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
});

test("a file is hashed as it grows, each by its own algorithm, many at once", async () => {
  const hashes = Array.from({ length: 20 }, (_, index) =>
    thread.begin(descriptor, index % 2 === 0 ? "sha256" : "sha512"),
  );
  for (const hash of hashes) hash.advance(10_000);
  const asked = hashes.flatMap((hash) => [hash.digest(20_000), hash.digest(40_000)]);
  const wanted = hashes.flatMap((_, index) => {
    const algorithm = index % 2 === 0 ? "sha256" : "sha512";
    return [hex(20_000, algorithm), hex(40_000, algorithm)];
  });
  expect(await Promise.all(asked)).toEqual(wanted);
  await Promise.all(hashes.map((hash) => hash.end()));
});

test("it gives way to others", async () => {
  await thread.begin(descriptor, "sha256").digest(1);
  const niceOf = (id: string): number => {
    const stat = readFileSync(`/proc/self/task/${id}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")")).split(" ")[17]);
  };
  const here = niceOf(String(process.pid));
  const workers = readdirSync("/proc/self/task").filter((id) =>
    readFileSync(`/proc/self/task/${id}/comm`, "utf8").startsWith("Worker"),
  );
  // Tests that ran before in this process may have begun some too.
  expect(workers.map(niceOf)).toContain(Math.min(here + 10, 19));
});

test("what is not there is not hashed", async () => {
  const hash = thread.begin(descriptor, "sha256");
  await expect(hash.digest(40_001)).rejects.toThrow("shorter than what was written");
  await hash.end();
});

test("a descriptor that was closed fails, and nothing else does", async () => {
  const other = openSync(join(folder, "other"), "w+");
  closeSync(other);
  await expect(thread.begin(other, "sha256").digest(1)).rejects.toThrow("Cannot hash an upload");
  expect(await thread.begin(descriptor, "sha256").digest(1)).toBe(hex(1));
});

test("no hash is begun when it has ended, and what was begun ends", async () => {
  const ended = new HashThread();
  const hash = ended.begin(descriptor, "sha256");
  expect(await hash.digest(1)).toBe(hex(1));
  ended[Symbol.dispose]();
  await expect(hash.digest(2)).rejects.toThrow("the registry has ended");
  await hash.end();
});

/** What an ingest does where it is hashed elsewhere: several MB, so that it is. */
const large = crypto.getRandomValues(new Uint8Array(65_536));
const CHUNKS = 50;
const whole = Buffer.concat(Array.from({ length: CHUNKS }, () => large));
function ingestOf(store: ContentStore, id: string) {
  const ingest = store.ingest({ id });
  for (let index = 0; index < CHUNKS; index++) ingest.write(large);
  return ingest;
}

test("a large ingest has the digest that it has elsewhere", async () => {
  const store = ContentStore.open(join(folder, "store"), thread);
  expect(await ingestOf(store, "a").commitAsync()).toEqual({ digest: digestOf(whole), size: whole.length });
  // Who cannot wait hashes by itself.
  expect(ingestOf(store, "b").commit()).toEqual({ digest: digestOf(whole), size: whole.length });
  const other = await ingestOf(store, "c").commitAsync({ digest: digestOf(whole, "sha512") });
  expect(other.digest).toBe(digestOf(whole, "sha512"));
});

test("one that is wrong is refused, and goes on", async () => {
  const store = ContentStore.open(join(folder, "store"), thread);
  const ingest = ingestOf(store, "wrong");
  await expect(ingest.commitAsync({ digest: digestOf("x") })).rejects.toThrow("Cannot accept blob");
  ingest.write(large);
  const { digest } = await ingest.commitAsync();
  expect(digest).toBe(digestOf(Buffer.concat([whole, large])));
});

test("one that is left is taken up where it was, and one that is aborted leaves nothing", async () => {
  const store = ContentStore.open(join(folder, "store"), thread);
  const left = ingestOf(store, "left");
  left.suspend();
  await thread.idle();
  const resumed = await store.resumeIngestAsync("left");
  expect(resumed.offset).toBe(whole.length);
  resumed.write(large);
  expect((await resumed.commitAsync()).digest).toBe(digestOf(Buffer.concat([whole, large])));
  await ingestOf(store, "gone").abortAsync();
  ingestOf(store, "also-gone").abort();
  await thread.idle();
  expect(store.ingests()).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)("one that cannot be removed takes nothing else with it", async () => {
  const store = ContentStore.open(join(folder, "store"), thread);
  const ingest = ingestOf(store, "kept");
  const place = join(store.root, "ingest/kept");
  const mount = (...words: string[]) => expect(Bun.spawnSync(words).exitCode).toBe(0);
  mount("mount", "--bind", place, place);
  const failures: unknown[] = [];
  const fail = (error: unknown) => void failures.push(error);
  process.on("unhandledRejection", fail);
  ingest.abort();
  await thread.idle();
  await Bun.sleep(10);
  process.off("unhandledRejection", fail);
  mount("umount", place);
  expect(failures).toEqual([]);
  // It is nobody's any more.
  store.pruneIngests(0);
  expect(store.ingests()).toEqual([]);
});

test("a file that somebody cut is not taken for whole", async () => {
  const store = ContentStore.open(join(folder, "store"), thread);
  const ingest = ingestOf(store, "cut");
  const cut = openSync(join(store.root, "ingest/cut/data"), "r+");
  ftruncateSync(cut, 2 << 20);
  closeSync(cut);
  // The last chunk was not told of yet, or is missing.
  await expect(ingest.commitAsync({ digest: digestOf(whole) })).rejects.toThrow(/shorter|Cannot accept/);
  await ingest.abortAsync();
});
