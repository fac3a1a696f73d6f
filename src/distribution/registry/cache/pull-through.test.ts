/** An upstream's repositories: fetched once for all, served on when the upstream is away, and never what is wrong. */
import { afterEach, beforeEach, describe, expect, setSystemTime, spyOn, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Descriptor,
  type Digest,
  digestOf,
  parseManifestOrIndex,
  parseReference,
  type RepositoryName,
  type Tag,
} from "../../../spec/index.ts";
import { ManifestNotFound, RegistryClient } from "../../client/index.ts";
import { openRegistry } from "../registry.ts";
import { type Registry, serveRegistry } from "../serve.ts";
import { NO_POLICY, type Quota, type StoragePolicy } from "../storage/policy.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { check } from "../upkeep/check.ts";
import type { FillFailed } from "./fill.ts";
import { PullThrough, type Upstream } from "./pull-through.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const MiB = 1 << 20;
const X = "up/library/x" as RepositoryName;

/** An upstream that a test holds in its hands. */
class Script {
  readonly manifests = new Map<string, string>();
  readonly blobs = new Map<string, Uint8Array>();
  readonly asked: string[] = [];
  readonly referrers: Descriptor[] = [];
  /** What a blob's stream waits for before its second half. */
  gate: Promise<void> = Promise.resolve();
  isAway = false;
  /** Streams of blobs that have ended. */
  ended = 0;

  readonly upstream: Upstream = {
    prefix: "up",
    registry: "up.example",
    freshMs: 0,
    open: (repository) => ({
      statManifest: async (target) => {
        this.asked.push(`HEAD ${repository} ${target}`);
        return { digest: digestOf(this.#manifest(repository, target)) };
      },
      resolve: async (target) => {
        this.asked.push(`${repository} ${target}`);
        const text = this.#manifest(repository, target);
        const bytes = Buffer.from(text);
        const document = parseManifestOrIndex(bytes, MANIFEST);
        return { mediaType: MANIFEST, digest: digestOf(text), size: bytes.length, bytes, document };
      },
      readBlob: (blob, _, signal) => this.#read(blob.digest, signal),
      tags: () => this.#tags(repository),
      referrers: async (subject) => {
        this.asked.push(`${repository} referrers ${subject}`);
        if (this.isAway) throw new Error("connection refused");
        return { descriptors: this.referrers };
      },
    }),
  };

  #manifest(repository: RepositoryName, target: Tag | Digest): string {
    if (this.isAway) throw new Error("connection refused");
    const text = this.manifests.get(target);
    if (text !== undefined) return text;
    throw new ManifestNotFound({ registry: "up.example" as never, repository, target: `${target}` });
  }

  async *#tags(repository: string): AsyncGenerator<string> {
    this.asked.push(`${repository} tags`);
    if (this.isAway) throw new Error("connection refused");
    await this.gate;
    yield* [...this.manifests.keys()].filter((name) => !name.includes(":"));
  }

  image(tag: string, layer: Uint8Array): { digest: Digest; layer: Digest } {
    const config = { mediaType: "application/x", digest: digestOf("{}"), size: 2 };
    const digest = digestOf(layer);
    const layers = [{ mediaType: "application/x", digest, size: layer.length }];
    const text = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers });
    for (const name of [tag, digestOf(text)]) this.manifests.set(name, text);
    this.blobs.set(digestOf("{}"), Buffer.from("{}"));
    this.blobs.set(digest, layer);
    return { digest: digestOf(text), layer: digest };
  }

  async *#read(digest: Digest, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.asked.push(`blob ${digest}`);
    if (this.isAway) throw new Error("connection refused");
    const bytes = this.blobs.get(digest) ?? new Uint8Array();
    const aborted = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => aborted.reject(signal.reason));
    try {
      yield bytes.subarray(0, bytes.length >> 1);
      await Promise.race([this.gate, aborted.promise]);
      yield bytes.subarray(bytes.length >> 1);
    } finally {
      await Bun.sleep(2);
      this.ended += 1;
    }
  }
}

let folder: string;
let script: Script;
let registry: Registry;
let url: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "teu-cache-"));
  script = new Script();
  registry = await serveRegistry({ listen: "127.0.0.1:0", root: folder, upstreams: [script.upstream] });
  url = `http://${registry.address}/v2/up/library/x`;
});
afterEach(async () => {
  await registry.close();
  rmSync(folder, { recursive: true });
});

const noise = (size: number): Uint8Array => {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536)
    crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65_536, size)));
  return bytes;
};

describe("pulling", () => {
  test("fetches a manifest and its blobs once, and serves them on when the upstream is away", async () => {
    const { digest, layer } = script.image("1", noise(3 * MiB));
    for (let round = 0; round < 2; round += 1) {
      const manifest = await fetch(`${url}/manifests/1`);
      expect([manifest.status, manifest.headers.get("docker-content-digest")]).toEqual([200, digest]);
      expect(digestOf(await (await fetch(`${url}/blobs/${layer}`)).bytes())).toBe(layer);
      expect((await fetch(`${url}/manifests/${digest}`)).status).toBe(200);
      script.isAway = true;
    }
    expect(script.asked).toEqual(["library/x 1", `blob ${layer}`, "HEAD library/x 1"]);
    const nothing = await fetch(`${url}/manifests/2`);
    expect(nothing.status).toBe(503);
  });

  test("of a tag that has not moved asks what it names, which is no pull where pulls are counted", async () => {
    const { digest } = script.image("1", noise(10));
    for (let round = 0; round < 3; round += 1)
      expect((await fetch(`${url}/manifests/1`)).headers.get("docker-content-digest")).toBe(digest);
    expect(script.asked).toEqual(["library/x 1", "HEAD library/x 1", "HEAD library/x 1"]);
  });

  test("follows a tag that moves, and lets go of one that is gone, but not of what it named", async () => {
    const first = script.image("1", noise(10));
    expect((await fetch(`${url}/manifests/1`)).headers.get("docker-content-digest")).toBe(first.digest);
    const second = script.image("1", noise(11));
    expect((await fetch(`${url}/manifests/1`)).headers.get("docker-content-digest")).toBe(second.digest);
    script.manifests.clear();
    expect((await fetch(`${url}/manifests/1`)).status).toBe(404);
    expect((await fetch(`${url}/manifests/${first.digest}`)).status).toBe(200);
  });

  test("asks nothing about blobs that no manifest mentions, and takes no pushes", async () => {
    script.blobs.set(digestOf("secret"), Buffer.from("secret"));
    expect((await fetch(`${url}/blobs/${digestOf("secret")}`)).status).toBe(404);
    expect(script.asked).toEqual([]);
    expect((await fetch(`${url}/blobs/uploads/`, { method: "POST" })).status).toBe(403);
    expect((await fetch(`${url}/manifests/1`, { method: "DELETE" })).status).toBe(403);
    const own = url.replace("/up/", "/upper/");
    expect((await fetch(`${own}/blobs/uploads/`, { method: "POST" })).status).toBe(202);
  });
});

describe("lists", () => {
  const json = async (path: string) =>
    (await (await fetch(`${url}/${path}`)).json()) as { tags: string[]; manifests: Descriptor[] };

  test("of tags are the upstream's, in pages; where it is away, of those that were pulled", async () => {
    for (const tag of ["b", "a", "c", "Z"]) script.image(tag, noise(10));
    expect(await json("tags/list")).toMatchObject({ tags: ["Z", "a", "b", "c"] });
    const page = await fetch(`${url}/tags/list?n=2&last=Z`);
    expect(await page.json()).toMatchObject({ tags: ["a", "b"] });
    expect(page.headers.get("link")).toBe('</v2/up/library/x/tags/list?n=2&last=b>; rel="next"');
    await fetch(`${url}/manifests/b`);
    script.isAway = true;
    expect(await json("tags/list")).toMatchObject({ tags: ["b"] });
    expect((await fetch(`${url}y/tags/list`)).status).toBe(404);
  });

  // An image had no signatures for whoever asked by the cache.
  test("of referrers are the upstream's, filtered and in pages; where it is away, of those that were pulled", async () => {
    const { digest } = script.image("1", noise(10));
    const signature = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: "a/signature",
      config: { mediaType: "application/x", digest: digestOf("{}"), size: 2 },
      layers: [],
      subject: { mediaType: MANIFEST, digest, size: 1 },
    });
    script.manifests.set(digestOf(signature), signature);
    const entry = (text: string, artifactType: string): Descriptor => ({
      ...{ mediaType: MANIFEST, digest: digestOf(text), size: text.length, artifactType },
      annotations: { long: "x".repeat(text === signature ? 1 : 1_500_000) },
    });
    script.referrers.push(entry(signature, "a/signature"), entry("one", "a/bom"), entry("two", "a/bom"));
    const all = await json(`referrers/${digest}`);
    expect(all.manifests.length).toBeLessThan(3);
    const { keptBy, descriptors } = await new RegistryClient(
      parseReference(`${registry.address}/up/library/x`),
    ).referrers(digest);
    expect([keptBy, descriptors]).toEqual([
      "registry",
      script.referrers.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
    ]);
    const typed = await fetch(`${url}/referrers/${digest}?artifactType=a/signature`);
    expect(typed.headers.get("oci-filters-applied")).toBe("artifactType");
    expect(((await typed.json()) as { manifests: Descriptor[] }).manifests.map((one) => one.digest)).toEqual([
      digestOf(signature),
    ]);
    await fetch(`${url}/manifests/${digestOf(signature)}`);
    script.isAway = true;
    expect((await json(`referrers/${digest}`)).manifests).toMatchObject([{ artifactType: "a/signature" }]);
  });

  test("are asked for once by all who ask at once", async () => {
    script.image("1", noise(10));
    const { promise, resolve } = Promise.withResolvers<void>();
    script.gate = promise;
    const asking = Array.from({ length: 8 }, () => json("tags/list"));
    await Bun.sleep(50);
    resolve();
    await Promise.all(asking);
    expect(script.asked).toEqual(["library/x tags"]);
  });
});

describe("a mirror's client", () => {
  const ask = async (path: string): Promise<(string | number | null)[]> => {
    const { status, headers } = await fetch(`http://${registry.address}/v2/${path}`);
    return [status, headers.get("oci-namespace")];
  };

  test("says by ns which registry it means, and gets what that has", async () => {
    const { layer } = script.image("1", noise(10));
    expect(await ask("library/x/manifests/1?ns=up.example")).toEqual([200, "up.example"]);
    expect(await ask(`library/x/blobs/${layer}?ns=up.example`)).toEqual([200, "up.example"]);
    expect(script.asked).toEqual(["library/x 1", `blob ${layer}`]);
    // The prefix may be in the mirror's path.
    expect(await ask("up/library/x/manifests/1?ns=up.example")).toEqual([200, "up.example"]);
    expect(await ask("library/x/manifests/1")).toEqual([404, null]);
  });

  test("who means a registry that is none of ours gets nothing of the same name that is", async () => {
    script.image("1", noise(10));
    expect(await ask("up/library/x/manifests/1")).toEqual([200, null]);
    expect(await ask("up/library/x/manifests/1?ns=other.example")).toEqual([404, null]);
    expect(await ask("../x/manifests/1?ns=up.example")).toEqual([404, null]);
  });

  test("pushes nothing by it", async () => {
    const url = `http://${registry.address}/v2/library/x/blobs/uploads/?ns=up.example`;
    expect((await fetch(url, { method: "POST" })).headers.get("location")).toStartWith("/v2/library/x/");
  });
});

describe("a blob on its way", () => {
  test("reaches the first client while it comes, and many clients by one download", async () => {
    const bytes = noise(4 * MiB);
    const { layer } = script.image("1", bytes);
    await fetch(`${url}/manifests/1`);
    const gate = Promise.withResolvers<void>();
    script.gate = gate.promise;
    const first = await fetch(`${url}/blobs/${layer}`);
    const reader = first.body?.getReader();
    let early = (await reader?.read())?.value?.length ?? 0;
    expect(early).toBeGreaterThan(0);
    const head = await fetch(`${url}/blobs/${layer}`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(bytes.length));
    const others = Array.from({ length: 8 }, async () =>
      digestOf(await (await fetch(`${url}/blobs/${layer}`)).bytes()),
    );
    const range = fetch(`${url}/blobs/${layer}`, { headers: { range: "bytes=10-19" } });
    expect(await (await range).bytes()).toEqual(bytes.subarray(10, 20));
    gate.resolve();
    for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read())
      early += part.value.length;
    expect(early).toBe(bytes.length);
    expect(new Set(await Promise.all(others))).toEqual(new Set([layer]));
    expect(script.asked.filter((asked) => asked.startsWith("blob"))).toHaveLength(1);
  });

  test("that is wrong reaches nobody whole, is not kept, and is asked for again", async () => {
    const bytes = noise(MiB);
    const { layer } = script.image("1", bytes);
    const wrong = bytes.slice();
    wrong[0] = (wrong[0] ?? 0) ^ 1;
    await fetch(`${url}/manifests/1`);
    for (const bad of [wrong, bytes.subarray(0, 1000), Buffer.concat([bytes, bytes])]) {
      script.blobs.set(layer, bad);
      const got = await fetch(`${url}/blobs/${layer}`)
        .then((response) => response.bytes())
        .catch(() => new Uint8Array());
      expect(got.length).toBeLessThan(bytes.length);
    }
    script.blobs.set(layer, bytes);
    expect(digestOf(await (await fetch(`${url}/blobs/${layer}`)).bytes())).toBe(layer);
  });
});

async function withStorage(policy: StoragePolicy, work: (storage: Storage) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "teu-cache-"));
  {
    using storage = openStorage(root, policy);
    await work(storage);
  }
  rmSync(root, { recursive: true });
}

describe("a blob that comes", () => {
  // It stayed in the store, held by nobody, and nobody heard why.
  test("and cannot be kept is read by who asked, then given back, and the failure is told", async () => {
    const quotas: Quota[] = [];
    await withStorage({ ...NO_POLICY, quotas }, async (storage) => {
      const errors: unknown[] = [];
      const onError = (error: unknown): void => void errors.push((error as { code?: unknown }).code);
      const cache = new PullThrough(storage, [script.upstream], { onError });
      const bytes = noise(MiB);
      const { layer } = script.image("1", bytes);
      await cache.refresh(X, { kind: "tag", tag: "1" as Tag });
      quotas.push({ prefix: "", bytes: 0 });
      const alone = cache.fill(X, layer);
      expect(await alone?.done.catch((error: FillFailed) => error.code)).toBe("cache-fill-failed");
      expect(storage.content.has(layer)).toBe(false);

      const read = cache.fill(X, layer);
      const body = await read?.open(0, bytes.length);
      await read?.done.catch(() => undefined);
      expect(storage.content.has(layer)).toBe(true);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body ?? []) chunks.push(chunk);
      expect(digestOf(Buffer.concat(chunks))).toBe(layer);
      expect(storage.content.has(layer)).toBe(false);
      expect(errors).toEqual(["quota-exceeded", "quota-exceeded"]);
    });
  });

  // The download went on, into a database that was closed.
  test("ends before the registry has closed", async () => {
    const root = mkdtempSync(join(tmpdir(), "teu-cache-"));
    const open = openRegistry({ root, upstreams: [script.upstream] });
    const { layer } = script.image("1", noise(MiB));
    const get = (path: string): Promise<Response> =>
      open.handle(new Request(`http://r/v2/up/library/x/${path}`));
    await get("manifests/1");
    script.gate = new Promise(() => undefined);
    const response = await get(`blobs/${layer}`);
    expect([response.status, script.ended]).toEqual([200, 0]);
    await open[Symbol.asyncDispose]();
    expect(script.ended).toBe(1);
    expect(await response.bytes().catch((error: FillFailed) => error.code)).toBe("cache-fill-failed");
    rmSync(root, { recursive: true });
  });
});

describe("a lookup", () => {
  const tag = { kind: "tag", tag: "1" as Tag } as const;
  const later = (): void => void setSystemTime(Date.now() + 10_000);
  afterEach(() => void setSystemTime());
  const code = (error: unknown): unknown => (error as { code?: unknown }).code;

  // An immutable tag that was gone there could not be taken away here: pulls of it failed, instead.
  test("leaves an immutable tag what it was, whether it moved there or is gone", async () => {
    await withStorage({ ...NO_POLICY, isImmutable: () => true }, async (storage) => {
      const cache = new PullThrough(storage, [script.upstream], { onError: fail });
      const { digest } = script.image("1", noise(10));
      await cache.refresh(X, tag);
      script.image("1", noise(11));
      await cache.refresh(X, tag);
      script.manifests.clear();
      await cache.refresh(X, tag);
      expect(storage.metadata.tag(X, tag.tag)).toBe(digest);
      expect(script.asked.filter((line) => !line.startsWith("HEAD"))).toHaveLength(2);
    });
  });

  // A full disk, or a quota, was called an upstream that does not answer, and nobody heard of it.
  test("says whose a failure is, and tells of ours where what is here is served instead", async () => {
    const quotas: Quota[] = [];
    await withStorage({ ...NO_POLICY, quotas }, async (storage) => {
      const errors: unknown[] = [];
      const onError = (error: unknown): void => void errors.push(error);
      const cache = new PullThrough(storage, [script.upstream], { onError });
      const { digest } = script.image("1", noise(10));
      await cache.refresh(X, tag);
      quotas.push({ prefix: "", bytes: 0 });
      script.image("1", noise(11));
      await cache.refresh(X, tag);
      expect(errors.map(code)).toEqual(["quota-exceeded"]);
      expect(storage.metadata.tag(X, tag.tag)).toBe(digest);
      script.image("2", noise(12));
      const second = { kind: "tag", tag: "2" as Tag } as const;
      expect(await cache.refresh(X, second).catch(code)).toBe("quota-exceeded");
      script.isAway = true;
      later();
      expect(await cache.refresh(X, second).catch(code)).toBe("registry-refusal");
      await cache.refresh(X, tag);
      expect(errors).toHaveLength(1);
    });
  });

  test("that failed is not made again at once, but after a while", async () => {
    await withStorage(NO_POLICY, async (storage) => {
      const cache = new PullThrough(storage, [script.upstream]);
      script.image("1", noise(10));
      script.isAway = true;
      for (let round = 0; round < 3; round += 1)
        expect(await cache.refresh(X, tag).catch(code)).toBe("registry-refusal");
      expect(script.asked).toHaveLength(1);
      script.isAway = false;
      later();
      await cache.refresh(X, tag);
      expect(storage.metadata.tag(X, tag.tag)).toBeDefined();
    });
  });

  // A pull from a registry that was to be read-only stored what it fetched, moved tags and took them away.
  test("is not made where everything is read-only", async () => {
    await withStorage({ ...NO_POLICY, isReadOnly: true }, async (storage) => {
      const { digest, layer } = script.image("1", noise(10));
      await new PullThrough(storage, [script.upstream]).refresh(X, tag);
      const asked = script.asked.length;
      script.manifests.clear();
      const cache = new PullThrough(storage, [script.upstream], { isReadOnly: true });
      await cache.refresh(X, tag);
      expect(storage.metadata.tag(X, tag.tag)).toBe(digest);
      expect([cache.has(X), cache.sizeOf(X, layer), cache.fill(X, layer)]).toEqual([
        true,
        undefined,
        undefined,
      ]);
      expect(script.asked).toHaveLength(asked);
    });
  });

  test("that finds nothing, of what is not here, changes nothing", async () => {
    await withStorage(NO_POLICY, async (storage) => {
      const deleted = spyOn(storage.metadata, "deleteTag");
      await new PullThrough(storage, [script.upstream]).refresh(X, tag);
      expect(deleted).not.toHaveBeenCalled();
    });
  });
});

function fail(error: unknown): void {
  throw error;
}

test("an image of which not all was pulled is right", async () => {
  script.image("1", noise(10));
  await fetch(`${url}/manifests/1`);
  await registry.close();
  {
    using storage = openStorage(folder);
    expect(await check(storage, undefined, (name: RepositoryName) => name.startsWith("up/"))).toEqual([]);
    expect(storage.metadata.tag("up/library/x" as RepositoryName, "1" as Tag)).toBeDefined();
  }
  registry = await serveRegistry({ listen: "127.0.0.1:0", root: folder, upstreams: [script.upstream] });
});
