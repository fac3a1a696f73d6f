/** What strangers may make the registry do: each bound, with the request that tries to pass it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bodyOf } from "../../../test/kits/scripted-registry.ts";
import { digestOf } from "../../spec/index.ts";
import { type OpenRegistry, openRegistry } from "./registry.ts";
import { openStorage } from "./storage/storage.ts";
import { collect } from "./upkeep/collect.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MiB = 1 << 20;
const root = mkdtempSync(join(tmpdir(), "teu-limits-"));
let registry: OpenRegistry;
beforeAll(() => {
  const quotas = [{ prefix: "small", bytes: 10 * MiB }];
  registry = openRegistry({
    root: join(root, "registry"),
    policy: { isReadOnly: false, quotas, isImmutable: (_, tag) => tag === "v1" },
    warnings: (name) => (name === "old" ? ["it moves", "soon"] : []),
  });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

async function call(
  method: string,
  path: string,
  body?: string | ReadableStream<Uint8Array>,
  type = INDEX,
): Promise<Response> {
  const init: RequestInit & { duplex: "half" } = {
    method,
    headers: { "content-type": type },
    duplex: "half",
  };
  if (body !== undefined) init.body = body;
  return await registry.handle(new Request(`http://r/v2/${path}`, init));
}

const index = (manifests: readonly string[], text = ""): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: manifests.map((digest) => ({ mediaType: INDEX, digest, size: 1 })),
    annotations: { text },
  });

describe("quotas", () => {
  const stream = (mebibytes: number) => bodyOf(Array.from({ length: mebibytes }, () => "x".repeat(MiB)));

  test("end a stream that does not say how long it is, and leave nothing of it", async () => {
    const location = (await call("POST", "small/a/blobs/uploads/")).headers.get("location") ?? "";
    const patch = await call("PATCH", location.slice("/v2/".length), stream(40));
    expect([patch.status, await patch.text()]).toEqual([403, expect.stringContaining("small")]);
    const digest = digestOf("x".repeat(12 * MiB));
    const put = await call("POST", `small/a/blobs/uploads/?digest=${digest}`, stream(12));
    expect(put.status).toBe(403);
    expect((await call("HEAD", `small/a/blobs/${digest}`)).status).toBe(404);
    await call("DELETE", location.slice("/v2/".length));
    expect(readdirSync(join(root, "registry/content/ingest"))).toEqual([]);
    expect(readdirSync(join(root, "registry/content/blobs/sha256"))).toEqual([]);
  });

  test("refuse what says that it is too long before a byte is read, and a mount", async () => {
    const digest = digestOf("y".repeat(11 * MiB));
    expect((await call("POST", `large/a/blobs/uploads/?digest=${digest}`, "y".repeat(11 * MiB))).status).toBe(
      201,
    );
    const mount = await call("POST", `small/a/blobs/uploads/?mount=${digest}&from=large/a`);
    expect(mount.status).toBe(403);
  });
});

test("an immutable tag is neither moved nor deleted, by whatever way", async () => {
  const digest = digestOf(index([], "1"));
  expect((await call("PUT", "a/manifests/v1", index([], "1"))).status).toBe(201);
  expect((await call("PUT", "a/manifests/v1", index([], "1"))).status).toBe(201);
  const other = index([], "2");
  for (const [method, path, body] of [
    ["PUT", "a/manifests/v1", other],
    ["PUT", `a/manifests/${digestOf(other)}?tag=new&tag=v1`, other],
    ["DELETE", "a/manifests/v1"],
    ["DELETE", `a/manifests/${digest}`],
  ] as const)
    expect([path, (await call(method, path, body)).status]).toEqual([path, 403]);
  expect((await call("GET", "a/manifests/new")).status).toBe(404);
  expect((await call("GET", "a/manifests/v1")).headers.get("docker-content-digest")).toBe(digest);
});

test("n beyond all bounds is a page", async () => {
  await call("PUT", "a/manifests/1", index([]));
  for (const n of ["2147483648", "999999999999999"]) {
    expect((await call("GET", `a/tags/list?n=${n}`)).status).toBe(200);
    expect((await call("GET", `_catalog?n=${n}`)).status).toBe(200);
  }
  expect((await call("GET", "a/tags/list?n=99999999999999999999999")).status).toBe(400);
});

test("a warning has the form that clients read", async () => {
  const put = await call("PUT", "old/manifests/1", index([]));
  expect(put.headers.get("warning")).toBe('299 - "it moves", 299 - "soon"');
  expect((await call("GET", "a/tags/list")).headers.has("warning")).toBe(false);
});

test("indexes of indexes that share their children are walked once each (zot #4318)", async () => {
  // Forty levels of two that each point at both of the next: 2^40 ways down.
  {
    await using inner = openRegistry({ root: join(root, "walk-served") });
    let below: string[] = [];
    for (let level = 0; level < 40; level += 1) {
      const documents = ["left", "right"].map((side) => index(below, `${level} ${side}`));
      for (const document of documents) {
        const request = new Request(`http://r/v2/a/manifests/${level === 39 ? "top" : digestOf(document)}`, {
          method: "PUT",
          headers: { "content-type": INDEX },
          body: document,
        });
        expect((await inner.handle(request)).status).toBe(201);
      }
      below = documents.map((document) => digestOf(document));
    }
  }
  using served = openStorage(join(root, "walk-served"));
  served.metadata.database.run("UPDATE manifests SET pushed_at = 0");
  const options = {
    retention: [],
    removeUntagged: ["**"],
    graceMs: 1,
    isImmutable: () => false,
    isDryRun: true,
  };
  // The left one of the last level lost its tag to the right one; all others are led to.
  expect(await collect(served, options)).toMatchObject({ manifests: 1 });
});
