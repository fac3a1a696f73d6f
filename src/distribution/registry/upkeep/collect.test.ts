/** What the collector takes and what it leaves, and that it can be at work while others push and delete. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, digestOf, type RepositoryName, type Tag } from "../../../spec/index.ts";
import { Access } from "../auth/access.ts";
import { PullThrough } from "../cache/pull-through.ts";
import { makeHandler } from "../handler.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { DEFAULT_UPLOAD_LIMITS, Uploads } from "../uploads.ts";
import { check } from "./check.ts";
import { type CollectedEntry, type CollectOptions, collect } from "./collect.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const folder = mkdtempSync(join(tmpdir(), "teu-collect-"));
afterAll(() => rmSync(folder, { recursive: true }));
let roots = 0;

/** A registry whose insides the test sees. */
class Bench implements Disposable {
  readonly storage: Storage = openStorage(join(folder, `${roots++}`));
  readonly #uploads = Uploads.open(this.storage, DEFAULT_UPLOAD_LIMITS);
  readonly #handle = makeHandler({
    storage: this.storage,
    uploads: this.#uploads,
    cache: new PullThrough(this.storage, []),
    access: new Access(undefined, () => false),
    isReadOnly: false,
  });

  async call(method: string, path: string, body?: string, type = MANIFEST): Promise<Response> {
    const init: RequestInit = { method, headers: { "content-type": type } };
    if (body !== undefined) init.body = body;
    return await this.#handle(new Request(`http://r/v2/${path}`, init));
  }

  async blob(repository: string, text: string): Promise<Digest> {
    const digest = digestOf(text);
    expect((await this.call("POST", `${repository}/blobs/uploads/?digest=${digest}`, text)).status).toBe(201);
    return digest;
  }

  /** An image with one layer of its own. */
  async image(repository: string, target: string, text: string, fields: object = {}): Promise<Digest> {
    const layers = [
      { mediaType: "application/x", digest: await this.blob(repository, text), size: text.length },
    ];
    const config = { mediaType: "application/x", digest: await this.blob(repository, "{}"), size: 2 };
    return await this.put(repository, target, { mediaType: MANIFEST, config, layers, ...fields });
  }

  async put(
    repository: string,
    target: string,
    document: { mediaType: string; [field: string]: unknown },
  ): Promise<Digest> {
    const text = JSON.stringify({ schemaVersion: 2, ...document });
    const digest = digestOf(text);
    const path = `${repository}/manifests/${target === "" ? digest : target}`;
    expect((await this.call("PUT", path, text, document.mediaType)).status).toBe(201);
    return digest;
  }

  /** Makes everything that is there so many days old. */
  age(days: number): void {
    const { database } = this.storage.metadata;
    const then = Date.now() - days * 24 * 60 * 60 * 1000;
    for (const set of ["tags SET pushed_at", "manifests SET pushed_at", "blobs SET linked_at"])
      database.query(`UPDATE ${set} = ?1`).run(then);
  }

  /** What goes: `kind name`, tags by name, the rest by the text that it was made of. */
  async collect(options: Partial<CollectOptions> = {}): Promise<CollectedEntry[]> {
    const entries: CollectedEntry[] = [];
    const none = { retention: [], removeUntagged: [], graceMs: 60_000, isDryRun: false };
    await collect(this.storage, { ...none, isImmutable: () => false, ...options }, (entry) =>
      entries.push(entry),
    );
    // In the order of the work, then by name.
    const place = ({ kind }: CollectedEntry): number => ORDER.indexOf(kind);
    return entries.toSorted((a, b) => place(a) - place(b) || (a.name < b.name ? -1 : 1));
  }

  async has(path: string): Promise<boolean> {
    return (await this.call("HEAD", path)).status === 200;
  }

  [Symbol.dispose](): void {
    this.#uploads.close();
    this.storage[Symbol.dispose]();
  }
}

const ORDER = ["tag", "manifest", "blob", "content"];
const kinds = (entries: readonly CollectedEntry[]): string[] => entries.map(({ kind }) => kind).sort();
const subjectOf = (digest: Digest) => ({ subject: { mediaType: MANIFEST, digest, size: 1 } });

describe("blobs", () => {
  test("that no manifest refers to go when they are old, and their content with them", async () => {
    using bench = new Bench();
    const kept = await bench.image("a", "1", "layer");
    const lost = await bench.blob("a", "nobody's");
    expect(await bench.collect()).toEqual([]);
    bench.age(2);
    const dry = await bench.collect({ isDryRun: true });
    expect(dry.map(({ kind, name }) => `${kind} ${name}`)).toEqual([`blob ${lost}`, `content ${lost}`]);
    expect(await bench.has(`a/blobs/${lost}`)).toBe(true);
    bench.age(2); // the question counted as use
    expect(await bench.collect()).toEqual(dry);
    expect(bench.storage.content.has(lost)).toBe(false);
    expect(await bench.has(`a/manifests/${kept}`)).toBe(true);
    expect(await bench.has(`a/blobs/${digestOf("layer")}`)).toBe(true);
    expect(await bench.collect()).toEqual([]);
  });

  test("that somebody asked about lately stay, and so does content that another repository holds", async () => {
    using bench = new Bench();
    const asked = await bench.blob("a", "asked");
    const shared = await bench.blob("a", "shared");
    bench.age(2);
    await bench.blob("b", "shared");
    expect(await bench.has(`a/blobs/${asked}`)).toBe(true);
    expect((await bench.collect()).map(({ kind, name }) => `${kind} ${name}`)).toEqual([`blob ${shared}`]);
    expect(bench.storage.content.has(shared)).toBe(true);
  });

  test("of a manifest that was deleted go with it, after a while", async () => {
    using bench = new Bench();
    const digest = await bench.image("a", "1", "layer");
    expect((await bench.call("DELETE", `a/manifests/${digest}`)).status).toBe(202);
    expect(bench.storage.content.has(digest)).toBe(false);
    bench.age(2);
    expect(kinds(await bench.collect())).toEqual(["blob", "blob", "content", "content"]);
    expect([...bench.storage.content.digests()]).toEqual([]);
  });
});

describe("content", () => {
  test("that nobody holds is what a process that died left, and goes", async () => {
    using bench = new Bench();
    using ingest = bench.storage.content.ingest();
    ingest.write(Buffer.from("left"));
    const { digest } = ingest.commit();
    expect((await bench.collect()).map(({ name, bytes }) => [name, bytes])).toEqual([[digest, 4]]);
  });

  test("that somebody is about to link stays", async () => {
    using bench = new Bench();
    using ingest = bench.storage.content.ingest();
    ingest.write(Buffer.from("pinned"));
    const { digest } = ingest.commit();
    using _pin = bench.storage.pins.hold(digest);
    expect(await bench.collect()).toEqual([]);
    expect(bench.storage.content.has(digest)).toBe(true);
  });
});

describe("untagged manifests", () => {
  const options = { removeUntagged: ["a"] };

  test("go, but for children, referrers and whatever belongs to what a tag leads to", async () => {
    using bench = new Bench();
    const child = await bench.image("a", "", "child");
    const nested = await bench.put("a", "", {
      mediaType: INDEX,
      manifests: [{ mediaType: MANIFEST, digest: child, size: 1 }],
    });
    const top = await bench.put("a", "top", {
      mediaType: INDEX,
      manifests: [{ mediaType: INDEX, digest: nested, size: 1 }],
    });
    const signature = await bench.image("a", "", "signature", subjectOf(child));
    const ofSignature = await bench.image("a", "", "signature of the signature", subjectOf(signature));
    const cosign = await bench.image("a", `${child.replace(":", "-")}.sig`, "cosign");
    const loose = await bench.image("a", "", "loose");
    const ofLoose = await bench.image("a", "", "signature of the loose one", subjectOf(loose));
    const cosignOfLoose = await bench.image("a", `${loose.replace(":", "-")}.sig`, "cosign of the loose one");
    const elsewhere = await bench.image("b", "", "elsewhere");
    bench.age(2);
    const young = await bench.image("a", "", "young");
    const gone = async (entries: CollectedEntry[]): Promise<string[]> =>
      entries
        .filter(({ kind }) => kind === "manifest")
        .map(({ name }) => name)
        .toSorted();
    const wanted = [loose, ofLoose, cosignOfLoose].toSorted();
    expect(await gone(await bench.collect({ ...options, isDryRun: true }))).toEqual(wanted);
    expect(await gone(await bench.collect(options))).toEqual(wanted);
    for (const digest of [child, nested, top, signature, ofSignature, cosign, young])
      expect(await bench.has(`a/manifests/${digest}`)).toBe(true);
    expect(await bench.has(`b/manifests/${elsewhere}`)).toBe(true);
    expect(await bench.has(`a/blobs/${digestOf("signature of the loose one")}`)).toBe(false);
    expect(await check(bench.storage)).toEqual([]);
  });

  test("stay when a push that comes after everything was marked leads to them", async () => {
    using bench = new Bench();
    const child = await bench.image("a", "", "child");
    const loose = await bench.image("a", "", "loose");
    bench.age(2);
    const { upkeep } = bench.storage.metadata;
    const a = "a" as RepositoryName;
    upkeep.beginMarking();
    while (!upkeep.mark(a));
    const manifests = [{ mediaType: MANIFEST, digest: child, size: 1 }];
    await bench.put("a", "late", { mediaType: INDEX, manifests });
    while (!upkeep.mark(a));
    const { removed } = upkeep.removeUnmarked(a, Date.now() - 60_000, "", false);
    expect(removed.map(({ digest }) => digest)).toEqual([loose]);
    expect(await check(bench.storage)).toEqual([]);
  });
});

// The timer's collection and one that somebody asked for shared their marks: each took for garbage what only the other had
// marked, and tagged images went.
test("of two collections at once neither takes what a tag leads to", async () => {
  using bench = new Bench();
  for (const repository of ["a", "b", "c"])
    for (const tag of ["1", "2", "3"]) await bench.image(repository, tag, `${repository} ${tag}`);
  bench.age(2);
  const options = { removeUntagged: ["**"] };
  const collections = [bench.collect(options)];
  for (let turn = 0; turn < 12; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collections.push(bench.collect({ ...options, isDryRun: turn % 2 === 0 }));
  }
  expect((await Promise.all(collections)).flat()).toEqual([]);
  for (const repository of ["a", "b", "c"])
    for (const tag of ["1", "2", "3"]) expect(await bench.has(`${repository}/manifests/${tag}`)).toBe(true);
});

describe("retention", () => {
  test("lets tags go by the first rule that is about them, and keeps those with any reason", async () => {
    using bench = new Bench();
    const tags = ["v1", "v2", "v3", "dev-1", "dev-2", "other"];
    for (const tag of tags) await bench.image("a", tag, tag);
    bench.age(10);
    await bench.call("GET", "a/manifests/dev-1");
    bench.storage.pulls.write();
    const retention = [
      { repositories: ["a"], tags: ["v*"], keep: { newest: 2 } },
      { repositories: ["a"], tags: ["dev-*"], keep: { pushedWithinDays: 5, pulledWithinDays: 1 } },
    ];
    const options = { retention, removeUntagged: ["a"] };
    const dry = await bench.collect({ ...options, isDryRun: true });
    expect(dry.filter(({ kind }) => kind === "tag").map(({ name, why }) => `${name}: ${why}`)).toEqual([
      "dev-2: retention[1]: pushed 10 days ago, never pulled",
      "v3: retention[0]: number 3 of the newest 2",
    ]);
    expect(await bench.collect(options)).toEqual(dry);
    const left = await (await bench.call("GET", "a/tags/list")).json();
    expect(left).toEqual({ name: "a", tags: ["dev-1", "other", "v1", "v2"] });
    expect(await bench.collect(options)).toEqual([]);
  });

  // The tags that a dry run noted were forgotten only where untagged manifests go: later they were no roots, and what they
  // name was removed with them.
  test("of a dry run concerns that run and its repository alone", async () => {
    using bench = new Bench();
    await bench.image("a", "1", "of a");
    await bench.image("b", "1", "of b");
    bench.age(10);
    const retention = [{ repositories: ["a"], tags: ["**"], keep: {} }];
    const tag = expect.objectContaining({ kind: "tag", repository: "a", name: "1" });
    expect(await bench.collect({ retention, removeUntagged: ["b"], isDryRun: true })).toEqual([tag]);
    bench.storage.metadata.upkeep.doomTag("1" as Tag); // a dry run that ended in the middle
    expect(await bench.collect({ removeUntagged: ["**"] })).toEqual([]);
    for (const repository of ["a", "b"]) expect(await bench.has(`${repository}/manifests/1`)).toBe(true);
  });

  test("leaves immutable tags, whatever the rules say", async () => {
    using bench = new Bench();
    await bench.image("a", "v1", "x");
    bench.age(10);
    const retention = [{ repositories: ["**"], tags: ["**"], keep: {} }];
    const isImmutable = (_: RepositoryName, tag: Tag): boolean => tag === "v1";
    expect(await bench.collect({ retention, isImmutable })).toEqual([]);
    expect(kinds(await bench.collect({ retention }))).toEqual(["tag"]);
  });
});

test("while many push, mount and delete, nothing that somebody refers to goes", async () => {
  using bench = new Bench();
  const options = { removeUntagged: ["**"], graceMs: 0 };
  const refused: number[] = [];
  let isDone = false;
  const collector = (async () => {
    while (!isDone) {
      await bench.collect(options);
      await new Promise((resolve) => setImmediate(resolve)); // where there is nothing yet, nothing is waited for
    }
  })();
  const workers = Array.from({ length: 6 }, async (_, worker) => {
    const repository = `r${worker % 3}`;
    for (let round = 0; round < 12; round += 1) {
      const text = `layer ${round % 5}`;
      const digest = digestOf(text);
      const from = `r${(worker + 1) % 3}`;
      const mounted = await bench.call("POST", `${repository}/blobs/uploads/?mount=${digest}&from=${from}`);
      if (mounted.status !== 201) await bench.blob(repository, text);
      await bench.blob(repository, "{}");
      const layers = [{ mediaType: "application/x", digest, size: text.length }];
      const config = { mediaType: "application/x", digest: digestOf("{}"), size: 2 };
      const body = JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config,
        layers,
        round: `${round}`,
      });
      const put = await bench.call("PUT", `${repository}/manifests/t${worker}`, body);
      // Without a grace what was pushed a moment ago may be gone: then the registry says so, and takes no manifest.
      if (put.status !== 201) refused.push(put.status);
      else if (round % 4 === 3) await bench.call("DELETE", `${repository}/manifests/${digestOf(body)}`);
    }
  });
  await Promise.all(workers);
  isDone = true;
  await collector;
  expect([...new Set(refused)].filter((status) => status !== 400)).toEqual([]);
  expect(await check(bench.storage)).toEqual([]);
});
