import { afterAll, afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bodyOf } from "../../../test/kits/scripted-registry.ts";
import { type AnyTeuError, isTeuError } from "../../base/index.ts";
import { ContentStore, Ingest, isWhole, StorageFull } from "../../content/index.ts";
import { type Descriptor, mediaTypes, parsePlatform, parseReference, type Tag } from "../../spec/index.ts";
import { type OpenRegistry, openRegistry } from "../registry/index.ts";
import { RegistryClient } from "./client.ts";
import type { Fetch } from "./http.ts";
import type { PullEvent, PushEvent } from "./progress.ts";
import { type PulledImage, pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-image-"));
afterAll(() => rmSync(folder, { recursive: true }));

const REFERENCE = parseReference("r.io/team/app:1");
const AMD64 = parsePlatform("linux/amd64");
let made = 0;
let registry: OpenRegistry;
/** Where images are made, and where they are pulled to. */
let here: ContentStore;
let there: ContentStore;
/** What the registry was asked: `GET blobs`, with its range if it had one. */
let asked: string[];

beforeEach(() => {
  registry = openRegistry({ root: join(folder, `registry${made}`) });
  here = ContentStore.open(join(folder, `here${made}`));
  there = ContentStore.open(join(folder, `there${made}`));
  made += 1;
  asked = [];
});
afterEach(async () => await registry[Symbol.asyncDispose]());

const record: Fetch = async (request) => {
  const [, , , , kind = ""] = new URL(request.url).pathname.split("/");
  asked.push([request.method, kind, request.headers.get("range") ?? ""].join(" ").trim());
  return await registry.handle(request);
};

function clientOf(fetch: Fetch = record): RegistryClient {
  const retry = { attempts: 2, baseMs: 1, maxMs: 2 };
  return new RegistryClient(REFERENCE, { fetch, credentials: async () => undefined, retry });
}

function put(content: string, mediaType: string, fields: Partial<Descriptor> = {}): Descriptor {
  using ingest = here.ingest();
  ingest.write(new TextEncoder().encode(content));
  return { mediaType, ...ingest.commit(), ...fields };
}

function makeImage(layers: readonly string[], fields: Partial<Descriptor> = {}): Descriptor {
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: put(`{"layers":${layers.length}}`, mediaTypes.config),
    layers: layers.map((layer) => put(layer, mediaTypes.layer)),
  };
  return put(JSON.stringify(manifest), mediaTypes.manifest, fields);
}

function makeIndex(manifests: readonly Descriptor[]): Descriptor {
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  return put(JSON.stringify(index), mediaTypes.index);
}

async function push(root: Descriptor): Promise<PushEvent[]> {
  const events: PushEvent[] = [];
  const onProgress = (event: PushEvent) => void events.push(event);
  await pushImage(clientOf(), { store: here, root, tag: "1" as Tag, onProgress });
  return events;
}

async function pull(
  fetch?: Fetch,
  platform = AMD64,
  signal?: AbortSignal,
): Promise<PulledImage & { events: PullEvent[] }> {
  const events: PullEvent[] = [];
  const onProgress = (event: PullEvent) => void events.push(event);
  const options = { store: there, platform, onProgress, ...(signal && { signal }) };
  return { ...(await pullImage(clientOf(fetch), REFERENCE, options)), events };
}

async function failureOf(action: Promise<unknown>): Promise<AnyTeuError> {
  const caught = await action.then(
    () => new Error("nothing was thrown"),
    (error: unknown) => error,
  );
  if (!isTeuError(caught)) throw caught;
  return caught;
}

const kinds = (events: readonly { kind: string }[]): string[] =>
  events.map(({ kind }) => kind).filter((kind) => kind !== "moved");

describe("an image", () => {
  test("goes to the registry and comes back byte for byte", async () => {
    const root = makeImage(["one", "two", "one"]);
    expect(kinds(await push(root)).toSorted()).toEqual([
      ...["begun", "begun", "begun", "done", "done", "done", "manifest"],
    ]);
    const pulled = await pull();
    expect(pulled.root).toEqual(root);
    expect(pulled.descriptor).toEqual(root);
    expect([...there.digests()].toSorted()).toEqual([...here.digests()].toSorted());
    expect(kinds(pulled.events).slice(0, 2)).toEqual(["resolved", "chosen"]);
    expect(pulled.events).toContainEqual({
      kind: "moved",
      blob: pulled.manifest.layers[0] as Descriptor,
      offset: 3,
    });
  });

  test("is not moved twice", async () => {
    const root = makeImage(["one", "two"]);
    await push(root);
    expect(kinds(await push(root))).toEqual(["present", "present", "present", "manifest"]);
    await pull();
    asked.length = 0;
    expect(kinds((await pull()).events)).toEqual(["resolved", "chosen", "present", "present", "present"]);
    expect(asked).toEqual(["GET manifests"]);
  });

  // It stayed damaged for ever: the pull ended with "its content hashes to …", or found everything there already.
  test("that is damaged here is fetched anew", async () => {
    const root = makeIndex([makeImage(["one"], { platform: AMD64 })]);
    await push(root);
    const { manifest, descriptor } = await pull();
    const [layer] = manifest.layers;
    if (layer === undefined) throw new Error("no layer");
    for (const { digest } of [root, descriptor, manifest.config])
      writeFileSync(there.path(digest), "damaged");
    truncateSync(there.path(layer.digest), 1);
    expect(kinds((await pull()).events)).toEqual(["resolved", "chosen", "begun", "begun", "done", "done"]);
    for (const { digest } of [root, descriptor, manifest.config, layer])
      expect(await isWhole(there, digest)).toBe(true);
  });

  test("larger than one request goes as a stream", async () => {
    const root = makeImage(["x".repeat(3 << 20)]);
    await push(root);
    expect(asked).toContain("PATCH blobs");
    await pull();
    expect([...there.digests()]).toHaveLength(3);
  });
});

describe("an index", () => {
  const arm = { platform: parsePlatform("linux/arm64") };
  const amd = { platform: AMD64 };

  test("brings the image of the platform, and no other", async () => {
    const amd64 = makeImage(["amd"], amd);
    const root = makeIndex([makeImage(["arm"], arm), amd64]);
    await push(root);
    const pulled = await pull();
    expect([pulled.root, pulled.descriptor]).toEqual([root, amd64]);
    expect(pulled.events[0]).toEqual({ kind: "resolved", descriptor: root, entries: 2 });
    expect([...there.digests()]).toHaveLength(4);
  });

  test("may lie in an index", async () => {
    const amd64 = makeImage(["amd"], amd);
    await push(makeIndex([{ ...makeIndex([makeImage(["arm"], arm), amd64]), ...amd }]));
    expect((await pull()).descriptor).toEqual(amd64);
  });

  test("without the platform says what it has", async () => {
    await push(makeIndex([makeImage(["arm"], arm)]));
    const failure = await failureOf(pull());
    expect(failure).toMatchObject({ code: "no-such-platform", kind: "not-found" });
    expect(failure.context["available"]).toEqual(["linux/arm64"]);
  });

  test("deeper than eight is refused both ways", async () => {
    let root = makeImage(["deep"], amd);
    for (let depth = 0; depth < 9; depth += 1) {
      if (depth === 8) await push(root);
      root = { ...makeIndex([root]), ...amd };
    }
    await pull();
    expect((await failureOf(push(root))).code).toBe("unsupported");
    // A registry that others filled.
    const bytes = here.readBytes(root.digest, 4096);
    await clientOf().putManifest("1" as Tag, { mediaType: mediaTypes.index, bytes });
    expect((await failureOf(pull())).code).toBe("bad-registry-answer");
  });

  test("of many levels on shared children costs its nodes, not its paths", async () => {
    let children = [makeImage(["leaf"], amd)];
    for (let level = 0; level < 7; level += 1) {
      const child = { ...makeIndex(children), ...amd };
      children = Array.from({ length: 10 }, () => child);
    }
    await push(makeIndex(children));
    expect(asked.filter((one) => one === "PUT manifests")).toHaveLength(9);
  });

  test("that is here in part is refused before anything is sent, and says which parts are whole", async () => {
    const amd64 = makeImage(["amd"], amd);
    const arm64 = makeImage(["arm"], arm);
    const root = makeIndex([arm64, amd64]);
    here.delete(arm64.digest);
    const failure = await failureOf(push(root));
    expect(failure.code).toBe("incomplete-image");
    expect(failure.context).toEqual({ digest: root.digest, missing: [arm64.digest], present: [amd64] });
    expect(asked).toEqual([]);
    await pushImage(clientOf(), { store: here, root, tag: "1" as Tag, isPartial: true });
    expect((await pull()).descriptor).toEqual(amd64);
  });
});

describe("a pull that is interrupted", () => {
  const LAYER = "0123456789";
  /** Breaks each blob's download of the layer after four bytes. */
  const breaking: Fetch = async (request) => {
    const response = await record(request);
    const text = await response.text();
    const { status, headers } = response;
    if (!text.includes("456") || !request.url.includes("/blobs/"))
      return new Response(text, { status, headers });
    headers.delete("content-length");
    const broken = Object.assign(new Error("reset"), { code: "ECONNRESET" });
    return new Response(bodyOf([text.slice(0, 4)], broken), { status, headers });
  };
  const blobRequests = (): string[] => asked.filter((one) => one.startsWith("GET blobs"));

  test("goes on by range within one pull", async () => {
    await push(makeImage([LAYER]));
    let times = 0;
    await pull((request) =>
      request.url.includes("/blobs/") && times++ < 2 ? breaking(request) : record(request),
    );
    expect(blobRequests()).toContain("GET blobs bytes=4-");
  });

  test("goes on in the next pull, of another process too", async () => {
    await push(makeImage([LAYER]));
    expect((await failureOf(pull(breaking))).kind).toBe("unavailable");
    const left = there.ingests();
    expect(left).toHaveLength(1);
    asked.length = 0;
    const pulled = await pull();
    expect(blobRequests()).toEqual([`GET blobs bytes=${left[0]?.offset}-`]);
    expect(pulled.events).toContainEqual({
      kind: "begun",
      blob: pulled.manifest.layers[0] as Descriptor,
      offset: left[0]?.offset ?? 0,
    });
    expect(there.ingests()).toEqual([]);
  });

  test("begins again when what was left is damaged", async () => {
    const root = makeImage([LAYER]);
    await push(root);
    await failureOf(pull(breaking));
    const [left] = there.ingests();
    if (left === undefined) throw new Error("nothing was left");
    writeFileSync(join(there.root, "ingest", encodeURIComponent(left.id), "data"), "XXXX");
    expect((await pull()).root).toEqual(root);
    expect(there.ingests()).toEqual([]);
  });

  test("by its caller ends with the caller's reason", async () => {
    await push(makeImage([LAYER]));
    const controller = new AbortController();
    const reason = new Error("ctrl-C");
    const silent: Fetch = async (request) => {
      const response = await record(request);
      if (!request.url.includes("/blobs/")) return response;
      setTimeout(() => controller.abort(reason), 5);
      return new Response(bodyOf(["0"], "never"));
    };
    expect(await pull(silent, AMD64, controller.signal).catch((error: unknown) => error)).toBe(reason);
    expect([...there.digests()]).toEqual([]);
  });
});

test("a pull onto a full disk leaves nothing behind", async () => {
  await push(makeImage(["layer"]));
  const original = Ingest.prototype.write;
  let writes = 0;
  using _ = spyOn(Ingest.prototype, "write").mockImplementation(function (this: Ingest, chunk: Uint8Array) {
    // The second blob meets it after its first byte.
    original.call(this, writes++ === 0 ? chunk : chunk.subarray(0, 1));
    if (writes > 1) throw new StorageFull({ path: there.root, errno: "ENOSPC" });
  });
  expect(await failureOf(pull())).toMatchObject({ code: "storage-full", kind: "exhausted" });
  expect(there.ingests()).toEqual([]);
});

describe("a registry that lies", () => {
  test("about a layer's bytes leaves nothing behind", async () => {
    await push(makeImage(["layer"]));
    const lying: Fetch = async (request) => {
      const response = await record(request);
      const text = await response.text();
      return new Response(text.replace("layer", "LAYER"), response);
    };
    const failure = await failureOf(
      pull(async (request) => (request.url.includes("/blobs/") ? lying(request) : record(request))),
    );
    expect(failure).toMatchObject({ code: "digest-mismatch", kind: "data-loss" });
    expect(there.ingests()).toEqual([]);
  });

  test("about a child's type is found out (CVE-2021-41190)", async () => {
    const image = makeImage(["layer"]);
    await push(
      makeIndex([{ ...image, mediaType: mediaTypes.index, platform: AMD64 }]).digest
        ? makeIndex([image])
        : image,
    );
    const bytes = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        manifests: [{ ...image, mediaType: mediaTypes.index, platform: AMD64 }],
      }),
    );
    await clientOf().putManifest("1" as Tag, { mediaType: mediaTypes.index, bytes });
    expect((await failureOf(pull())).code).toBe("invalid-document");
  });
});
