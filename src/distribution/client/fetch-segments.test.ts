/** Large blobs over several connections: right, resumable, and no worse where a registry sends no parts. */
import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "../../content/index.ts";
import { type Descriptor, digestOf, parseReference } from "../../spec/index.ts";
import { RegistryClient } from "./client.ts";
import { fetchBlob } from "./fetch-blob.ts";
import type { Fetch } from "./http.ts";

const MIB = 1 << 20;
const SIZE = 40 * MIB + 12_345;
const folder = mkdtempSync(join(tmpdir(), "teu-segments-"));
const bytes = new Uint8Array(SIZE);
let blob: Descriptor;
beforeAll(() => {
  for (let at = 0; at < SIZE; at += 4096) bytes[at] = (at * 2_654_435_761) >>> 24;
  blob = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digestOf(bytes), size: SIZE };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const newStore = () => ContentStore.open(join(folder, `${++count}`));

/** Serves the blob, with parts; tells what it was asked and how many were busy at once. */
class Double {
  readonly ranges: (string | null)[] = [];
  /** What was sent, of parts that were left early too. */
  sent = 0;
  busy = 0;
  busiest = 0;
  /** Instead of an answer, or undefined. */
  answer: (request: Request, range: string | null) => Response | undefined = () => undefined;
  /** Is called after each chunk. */
  pause: () => Promise<void> = () => Promise.resolve();
  content = bytes;

  readonly fetch: Fetch = async (request) => {
    const range = request.headers.get("range");
    const special = this.answer(request, range);
    if (special !== undefined) return special;
    this.ranges.push(range);
    const [, from = "0", to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    const [start, end] = [Number(from), to ? Number(to) + 1 : SIZE];
    const headers = {
      "content-length": `${end - start}`,
      ...(range !== null && { "content-range": `bytes ${start}-${end - 1}/${SIZE}` }),
    };
    return new Response(this.#body(start, end), { status: range === null ? 200 : 206, headers });
  };

  #body(start: number, end: number): ReadableStream<Uint8Array> {
    this.busy += 1;
    this.busiest = Math.max(this.busiest, this.busy);
    let at = start;
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          await this.pause();
          const chunk = this.content.slice(at, Math.min(at + MIB, end));
          at += chunk.byteLength;
          this.sent += chunk.byteLength;
          controller.enqueue(chunk);
          if (at < end) return;
          this.busy -= 1;
          controller.close();
        },
        cancel: () => {
          this.busy -= 1;
        },
      },
      { highWaterMark: 0 },
    );
  }
}

/** Each test has a registry of its own: what was learnt of one is kept. */
function clientOf(double: Double, registry = `r${++count}.example`): RegistryClient {
  return new RegistryClient(parseReference(`${registry}/a`), {
    fetch: double.fetch,
    credentials: async () => ({ kind: "basic", username: "u", password: "p" }),
    retry: { attempts: 3, baseMs: 1, maxMs: 5 },
  });
}
const never = new AbortController().signal;
const get = (client: RegistryClient, store: ContentStore, signal = never, tell = (_: unknown) => {}) =>
  fetchBlob(client, store, blob, tell, signal);

describe("a large blob", () => {
  test("comes over four connections where one is slow, and is told of as one", async () => {
    const double = new Double();
    double.pause = () => Bun.sleep(8);
    const store = newStore();
    const offsets: number[] = [];
    await get(clientOf(double), store, never, (event) => {
      const { kind, offset } = event as { kind: string; offset: number };
      if (kind === "moved") offsets.push(offset);
    });
    expect(store.has(blob.digest)).toBe(true);
    expect(double.busiest).toBe(4);
    expect(double.ranges[0]).toBe(`bytes=0-${8 * MIB - 1}`);
    expect(double.ranges).toHaveLength(6);
    expect(double.sent).toBe(SIZE);
    expect(offsets).toEqual(offsets.toSorted((one, other) => one - other));
    expect(offsets.at(-1)).toBe(SIZE);
    expect(store.ingests()).toEqual([]);
  });

  test("comes over one connection where that is fast", async () => {
    const double = new Double();
    // No time passes: on a busy machine we would wait for ourselves.
    const clock = spyOn(performance, "now").mockReturnValue(0);
    await get(clientOf(double), newStore()).finally(() => clock.mockRestore());
    expect(double.busiest).toBe(1);
  });

  test("of a registry that ignores ranges comes in one, and nobody asks for parts again", async () => {
    const double = new Double();
    const whole = () => new Response(bytes, { headers: { "content-length": `${SIZE}` } });
    let asked = 0;
    double.answer = () => {
      asked += 1;
      return whole();
    };
    const client = clientOf(double);
    for (const want of [2, 3]) {
      const store = newStore();
      await get(client, store);
      expect(store.has(blob.digest)).toBe(true);
      expect(asked).toBe(want);
    }
  });

  test.each([400, 416, 429])("of a registry that answers %d to a part comes in one", async (status) => {
    const double = new Double();
    double.answer = (_, range) => (/-\d/.test(range ?? "") ? new Response(null, { status }) : undefined);
    const store = newStore();
    await get(clientOf(double), store);
    expect(store.has(blob.digest)).toBe(true);
    expect(double.ranges).toEqual([null]);
  });

  test("stays, each part of it, when it is broken off, and only the rest is asked for", async () => {
    const double = new Double();
    const stop = new AbortController();
    double.pause = async () => {
      await Bun.sleep(8);
      if (double.sent > 24 * MIB) stop.abort(new Error("enough"));
    };
    const store = newStore();
    const client = clientOf(double);
    expect(await get(client, store, stop.signal).then(() => "nothing", String)).toContain("enough");
    expect(double.busiest).toBe(4);
    const [left] = store.ingests();
    expect(left?.offset).toBeGreaterThan(20 * MIB);

    double.pause = () => Promise.resolve();
    await get(client, store);
    expect(store.has(blob.digest)).toBe(true);
    expect(double.sent).toBeLessThan(SIZE + 6 * MIB);
    expect(store.ingests()).toEqual([]);
  });

  test("whose kept parts are damaged is got anew", async () => {
    const double = new Double();
    const stop = new AbortController();
    const wrong = new Uint8Array(SIZE);
    double.content = wrong;
    double.pause = async () => {
      await Bun.sleep(0);
      if (double.sent > 20 * MIB) stop.abort(new Error("enough"));
    };
    const store = newStore();
    await get(clientOf(double), store, stop.signal).catch(() => undefined);
    double.content = bytes;
    double.pause = () => Promise.resolve();
    await get(clientOf(double), store);
    expect(store.has(blob.digest)).toBe(true);
  });

  test("of wrong bytes is refused", async () => {
    const double = new Double();
    double.content = new Uint8Array(SIZE);
    const store = newStore();
    expect(await get(clientOf(double), store).then(() => "nothing", String)).toContain(
      "its content hashes to",
    );
    expect(store.ingests()).toEqual([]);
  });

  test("one of whose connections breaks goes on where that broke", async () => {
    const double = new Double();
    let broken = false;
    double.answer = (_, range) => {
      if (broken || !range?.startsWith(`bytes=${16 * MIB}-`)) return undefined;
      broken = true;
      let isFirst = true;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (isFirst) controller.enqueue(bytes.slice(16 * MIB, 17 * MIB));
          else controller.error(Object.assign(new Error("reset"), { code: "ECONNRESET" }));
          isFirst = false;
        },
      });
      const headers = { "content-range": `bytes ${16 * MIB}-${24 * MIB - 1}/${SIZE}` };
      return new Response(body, { status: 206, headers });
    };
    const store = newStore();
    await get(clientOf(double), store);
    expect(store.has(blob.digest)).toBe(true);
    expect(double.ranges).toContain(`bytes=${17 * MIB}-${24 * MIB - 1}`);
  });

  test("at another host comes from there in parts, and our credentials do not go there", async () => {
    const double = new Double();
    const foreign: Headers[] = [];
    double.answer = (request) => {
      if (new URL(request.url).host === "store.example") {
        foreign.push(request.headers);
        return undefined;
      }
      if (request.headers.get("authorization") === null)
        return new Response(null, { status: 401, headers: { "www-authenticate": "Basic" } });
      return new Response(null, { status: 307, headers: { location: "https://store.example/b?signed=1" } });
    };
    const store = newStore();
    await get(clientOf(double), store);
    expect(store.has(blob.digest)).toBe(true);
    expect(foreign).toHaveLength(6);
    expect(foreign.filter((headers) => headers.has("authorization"))).toEqual([]);
  });

  test("and others at once use eight connections to a registry, no more", async () => {
    const double = new Double();
    double.pause = () => Bun.sleep(8);
    const stores = [newStore(), newStore(), newStore(), newStore()];
    await Promise.all(stores.map((store) => get(clientOf(double, "many.example"), store)));
    expect(double.busiest).toBeLessThanOrEqual(8);
    expect(double.busiest).toBeGreaterThan(5);
  });
});
