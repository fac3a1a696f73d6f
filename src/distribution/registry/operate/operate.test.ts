/** What whoever runs a registry sees: numbers, health, a line for each request, events. */
import { afterAll, describe, expect, spyOn, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, type RepositoryName, type Tag } from "../../../spec/index.ts";
import { Rules } from "../auth/rules.ts";
import { serveRegistry } from "../serve.ts";
import { openMetadata } from "../storage/sqlite-metadata.ts";
import { openStorage } from "../storage/storage.ts";
import { collect } from "../upkeep/collect.ts";
import { AccessLog } from "./access-log.ts";
import { EventSender } from "./events.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const folder = mkdtempSync(join(tmpdir(), "teu-operate-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = (): string => join(folder, `${count++}`);

async function push(url: string, tag: string): Promise<string> {
  await fetch(`${url}/blobs/uploads/?digest=${digestOf("{}")}`, { method: "POST", body: "{}" });
  const config = { mediaType: "application/x", digest: digestOf("{}"), size: 2 };
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config,
    layers: [],
    annotations: { tag },
  });
  const headers = { "content-type": MANIFEST };
  const put = await fetch(`${url}/manifests/${tag}`, { method: "PUT", body, headers });
  expect(put.status).toBe(201);
  return digestOf(body);
}

describe("metrics and health", () => {
  test("are had on an address of their own, health on the main one too", async () => {
    await using registry = await serveRegistry({
      listen: "127.0.0.1:0",
      admin: "127.0.0.1:0",
      root: newPath(),
    });
    const url = `http://${registry.address}`;
    await push(`${url}/v2/a`, "1");
    for (const path of ["a/manifests/1", "a/manifests/1", "a/manifests/2", `a/blobs/${digestOf("{}")}`])
      await (await fetch(`${url}/v2/${path}`)).text();
    for (const address of [registry.address, registry.adminAddress])
      for (const path of ["healthz", "readyz"])
        expect((await fetch(`http://${address}/${path}`)).status).toBe(200);
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
    const text = await (await fetch(`http://${registry.adminAddress}/metrics`)).text();
    for (const line of [
      'teu_registry_requests_total{route="manifests",method="GET",status="200"} 2',
      'teu_registry_requests_total{route="manifests",method="GET",status="404"} 1',
      'teu_registry_requests_total{route="manifests",method="PUT",status="201"} 1',
      'teu_registry_request_seconds_count{route="blobs",method="GET"} 1',
      'teu_registry_request_seconds_bucket{route="manifests",method="GET",le="+Inf"} 3',
      "teu_registry_requests_in_flight 0",
      "teu_registry_uploads 0",
    ])
      expect(text.split("\n")).toContain(line);
    // A HEAD was counted as if its answer had the body whose length it tells.
    const sentBytes = async (): Promise<string | undefined> =>
      /^teu_registry_sent_bytes_total \d+$/m.exec(
        await (await fetch(`http://${registry.adminAddress}/metrics`)).text(),
      )?.[0];
    const before = await sentBytes();
    const head = await fetch(`${url}/v2/a/manifests/1`, { method: "HEAD" });
    const headers = { "if-none-match": head.headers.get("etag") ?? "" };
    expect((await fetch(`${url}/v2/a/manifests/1`, { headers })).status).toBe(304);
    expect([Number(head.headers.get("content-length")) > 0, await sentBytes()]).toEqual([true, before]);
    // What clients send becomes no label.
    await fetch(`${url}/v2/x${"y".repeat(50)}/unknown/z`, { method: "PROPFIND" });
    expect(await (await fetch(`http://${registry.adminAddress}/metrics`)).text()).not.toMatch(/PROPFIND|yyy/);
  });
});

describe("the access log", () => {
  test("has a line for each request, and what clients send cannot make two of it", async () => {
    const path = newPath();
    const descriptor = openSync(path, "w");
    const log = new AccessLog(descriptor);
    const means = { rules: new Rules([{ repositories: ["**"], identities: ["*"], rights: ["read"] }]) };
    {
      await using registry = await serveRegistry({
        listen: "127.0.0.1:0",
        root: newPath(),
        log,
        isForwarded: true,
        means,
      });
      const headers = { "user-agent": 'a"\\u001b[31m', "x-forwarded-for": "1.2.3.4, 5.6.7.8" };
      await fetch(`http://${registry.address}/v2/a/tags/list?n=1%0A`, { headers });
      await fetch(`http://${registry.address}/v2/_catalog`);
    }
    closeSync(descriptor);
    const lines = readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({
      msg: "request",
      method: "GET",
      path: "/v2/a/tags/list?n=1%0A",
      status: 400,
      remote: "5.6.7.8",
      userAgent: 'a"\\u001b[31m',
    });
    expect(lines[1]).toMatchObject({ status: 200, remote: "127.0.0.1" });
  });
});

describe("behind a proxy", () => {
  test("Locations are relative, so whatever the proxy is called they lead back", async () => {
    await using registry = await serveRegistry({ listen: "127.0.0.1:0", root: newPath() });
    const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "images.example:8443" };
    const begun = await fetch(`http://${registry.address}/v2/a/blobs/uploads/`, { method: "POST", headers });
    expect(begun.headers.get("location")).toStartWith("/v2/a/blobs/uploads/");
  });
});

describe("EventSender", () => {
  const patience = { timeoutMs: 1_000, firstDelayMs: 1, maxDelayMs: 4, maxAgeMs: 3_600_000 };

  interface Heard {
    type: string;
    data: { repository: string; tags?: string[] };
  }

  /** A listener that refuses the first `refusals` events. */
  function listen(refusals: number): { url: string; heard: Heard[]; tries: () => number; stop: () => void } {
    const heard: Heard[] = [];
    let tries = 0;
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        tries += 1;
        if (tries <= refusals) return new Response(null, { status: 503 });
        expect(request.headers.get("content-type")).toStartWith("application/cloudevents+json");
        heard.push((await request.json()) as Heard);
        return new Response(null, { status: 204 });
      },
    });
    return {
      url: `http://127.0.0.1:${server.port}/`,
      heard,
      tries: () => tries,
      stop: () => void server.stop(true),
    };
  }

  test("is told also of what is done while nobody serves", async () => {
    const root = newPath();
    const url = "http://127.0.0.1:1/";
    await (await serveRegistry({ listen: "127.0.0.1:0", root, events: [{ url }] })).close();
    using storage = openStorage(root);
    const repository = "a" as RepositoryName;
    const digest = digestOf("x");
    const manifest = { mediaType: MANIFEST, digest, size: 1, children: [], required: [] };
    await storage.metadata.putManifest(repository, manifest, ["1" as Tag]);
    expect(storage.metadata.events.after(url, 10)).toMatchObject([{ repository }]);
    storage.metadata.events.keepFor([]);
    await storage.metadata.putManifest(repository, manifest, ["2" as Tag]);
    expect(storage.metadata.events.after(url, 10)).toEqual([]);
  });

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await Bun.sleep(2);
  }

  test("tells in order, again until it is heard, and only of what is asked for", async () => {
    const listener = listen(3);
    {
      const events = [{ url: listener.url, repositories: ["a/*"], headers: { authorization: "Bearer x" } }];
      await using registry = await serveRegistry({
        listen: "127.0.0.1:0",
        root: newPath(),
        events,
        eventPatience: patience,
      });
      const url = `http://${registry.address}/v2`;
      const digest = await push(`${url}/a/x`, "1");
      await push(`${url}/b/x`, "1");
      await fetch(`${url}/a/x/manifests/1`, { method: "DELETE" });
      await fetch(`${url}/a/x/manifests/${digest}`, { method: "DELETE" });
      await until(() => listener.heard.length === 3);
    }
    expect(listener.heard.map(({ type, data }) => `${type} ${data.repository}`)).toEqual([
      "dev.teu.registry.manifest.pushed a/x",
      "dev.teu.registry.tag.deleted a/x",
      "dev.teu.registry.manifest.deleted a/x",
    ]);
    expect(listener.heard[0]).toMatchObject({ specversion: "1.0", source: "/v2/", data: { tags: ["1"] } });
    expect(listener.tries()).toBe(6);
    listener.stop();
  });

  // What upkeep removed was written down and woke nobody: others heard of it with the next push.
  test("tells of what upkeep removes without waiting for somebody's push", async () => {
    const listener = listen(0);
    using storage = openStorage(newPath());
    const { events, upkeep } = storage.metadata;
    {
      await using sender = new EventSender(events, [{ url: listener.url }], () => undefined, patience);
      events.onAdded = () => sender.wake();
      const a = "a" as RepositoryName;
      for (const [text, tags] of [
        ["tagged", ["1"]],
        ["loose", []],
        ["lost", ["2"]],
      ] as [string, Tag[]][]) {
        const link = { mediaType: MANIFEST, digest: digestOf(text), size: 1 };
        await storage.metadata.putManifest(a, { ...link, children: [], required: [] }, tags);
      }
      await until(() => listener.heard.length === 3);
      expect(await upkeep.deleteTagPushedBefore(a, "1" as Tag, Date.now() + 1_000)).toBe(true);
      await until(() => listener.heard.length === 4);
      await upkeep.drop("manifest", a, digestOf("lost"));
      await until(() => listener.heard.length === 5);
      const rules = { retention: [], removeUntagged: ["a"], isImmutable: () => false };
      await collect(storage, { ...rules, graceMs: -1_000, isDryRun: false });
      await until(() => listener.heard.length === 7);
    }
    expect(listener.heard.slice(3).map(({ type }) => type)).toEqual([
      "dev.teu.registry.tag.deleted",
      "dev.teu.registry.manifest.deleted",
      "dev.teu.registry.manifest.deleted",
      "dev.teu.registry.manifest.deleted",
    ]);
    listener.stop();
  });

  test("tells after a restart what it had not told", async () => {
    const path = newPath();
    const listener = listen(0);
    {
      using metadata = openMetadata(path);
      metadata.events.keepFor([listener.url]);
      for (const type of ["manifest.pushed", "tag.deleted"] as const)
        metadata.events.add({ type, repository: "a" as never, data: {} });
    }
    using metadata = openMetadata(path);
    {
      await using _sender = new EventSender(
        metadata.events,
        [{ url: listener.url }],
        () => undefined,
        patience,
      );
      await until(() => metadata.events.after(listener.url, 10).length === 0);
    }
    expect(listener.heard.map(({ type }) => type)).toEqual([
      "dev.teu.registry.manifest.pushed",
      "dev.teu.registry.tag.deleted",
    ]);
    listener.stop();
  });

  // Nothing was pruned while an endpoint was away, nobody was told, and each pause left a listener on the signal.
  test("gives up what is too old while an endpoint is away, says so once, and goes on when it is back", async () => {
    const path = newPath();
    using metadata = openMetadata(path);
    let isAway = true;
    const heard: string[] = [];
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        if (isAway) return new Response(null, { status: 500 });
        heard.push(((await request.json()) as Heard).type);
        return new Response();
      },
    });
    const url = `http://127.0.0.1:${server.port}/secret`;
    const added = spyOn(AbortSignal.prototype, "addEventListener");
    const removed = spyOn(AbortSignal.prototype, "removeEventListener");
    const errors: unknown[] = [];
    const count = (): number =>
      metadata.database.query<{ n: number }, []>("SELECT count(*) AS n FROM events").get()?.n ?? 0;
    {
      const short = { timeoutMs: 1_000, firstDelayMs: 1, maxDelayMs: 1, maxAgeMs: 400 };
      await using sender = new EventSender(metadata.events, [{ url }], (error) => errors.push(error), short);
      for (let number = 0; number < 300; number += 1)
        metadata.events.add({ type: "tag.deleted", repository: "a" as never, data: {} });
      sender.wake();
      await until(() => errors.length > 0);
      expect(count()).toBe(300);
      await until(() => count() === 0 && metadata.events.after(url, 1).length === 0);
      isAway = false;
      await Bun.sleep(20);
      metadata.events.add({ type: "manifest.deleted", repository: "a" as never, data: {} });
      sender.wake();
      await until(() => heard.length > 0);
      expect(added.mock.calls.length).toBeGreaterThan(2);
      expect(added.mock.calls.length - removed.mock.calls.length).toBeLessThan(2);
    }
    added.mockRestore();
    removed.mockRestore();
    expect(heard).toEqual(["dev.teu.registry.manifest.deleted"]);
    expect(errors.map((error) => (error as { code: string }).code)).toEqual([
      "event-not-taken",
      "events-given-up",
    ]);
    expect(String(errors)).not.toContain("secret");
    await server.stop(true);
  });

  test("ends while nobody hears it", async () => {
    using metadata = openMetadata(newPath());
    metadata.events.keepFor(["http://127.0.0.1:9/"]);
    metadata.events.add({ type: "tag.deleted", repository: "a" as never, data: {} });
    {
      await using _sender = new EventSender(
        metadata.events,
        [{ url: "http://127.0.0.1:9/" }],
        () => undefined,
      );
      await Bun.sleep(5);
    }
    expect(metadata.events.after("http://127.0.0.1:9/", 10)).toHaveLength(1);
  });
});
