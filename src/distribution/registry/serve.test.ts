/** What only a socket shows: listening, flat memory, backpressure, credentials on the wire. */
import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "../../base/index.ts";
import { type Digest, parseReference, type Tag } from "../../spec/index.ts";
import { RegistryClient } from "../client/index.ts";
import { type Registry, serveRegistry } from "./serve.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-serve-"));
afterAll(() => rmSync(folder, { recursive: true }));

let roots = 0;
const serve = (listen = "127.0.0.1:0"): Promise<Registry> =>
  serveRegistry({ listen, root: join(folder, `${roots++}`) });

const MiB = 1 << 20;
/** `mebibytes` MiB that differ, made while they are read, and their digest. */
function content(mebibytes: number): {
  digest: Digest;
  size: number;
  open: () => ReadableStream<Uint8Array>;
} {
  const chunk = (index: number): Uint8Array => new Uint8Array(MiB).fill(index + 1);
  const hash = createHash("sha256");
  for (let index = 0; index < mebibytes; index += 1) hash.update(chunk(index));
  const open = (): ReadableStream<Uint8Array> => {
    let index = 0;
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      if (index % 32 === 31) Bun.gc(true);
      if (index < mebibytes) controller.enqueue(chunk(index++));
      else controller.close();
    };
    return new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
  };
  return { digest: `sha256:${hash.digest("hex")}` as Digest, size: mebibytes * MiB, open };
}

describe("serveRegistry()", () => {
  test("listens on a free port and stops", async () => {
    const registry = await serve();
    const [host, port] = registry.address.split(":");
    expect([host, Number(port) > 0]).toEqual(["127.0.0.1", true]);
    expect((await fetch(`http://${registry.address}/v2/`)).status).toBe(200);
    await registry.close();
    expect(await fetch(`http://${registry.address}/v2/`).catch(() => "refused")).toBe("refused");
  });

  test.each([
    "0.0.0.0:0",
    "[::]:0",
    "10.0.0.1:5000",
    "example.org:5000",
    ":5000",
    "5000",
    "127.0.0.1",
    "127.0.0.1:99999",
    "127.0.0.1:x",
  ])("refuses to listen on %s", async (listen) => {
    const failure = await serve(listen).catch((error: unknown) => error);
    expect(hasCode(failure, "invalid-listen-address")).toBe(true);
  });

  test("listens everywhere when told that this is meant", async () => {
    const root = join(folder, "open");
    await using registry = await serveRegistry({ listen: "0.0.0.0:0", root, insecureListen: true });
    const port = registry.address.split(":")[1];
    expect((await fetch(`http://127.0.0.1:${port}/v2/`)).status).toBe(200);
  });

  test("says that an address is taken", async () => {
    await using registry = await serve();
    const failure = await serve(registry.address).catch((error: unknown) => error);
    expect(hasCode(failure, "cannot-listen")).toBe(true);
    expect(String(failure)).toContain("in use");
  });
});

describe("on the wire", () => {
  test("a large blob goes up and comes down in flat memory", async () => {
    await using registry = await serve();
    const client = new RegistryClient(parseReference(`${registry.address}/large`));
    const blob = content(256);
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    let peak = 0;
    await client.pushBlob(blob, blob.open);
    let got = 0;
    for await (const chunk of client.getBlob(blob)) {
      // What is garbage goes at once; what somebody collects would stay. On a busy machine the collector comes late.
      if (Math.floor(got / (32 * MiB)) !== Math.floor((got + chunk.byteLength) / (32 * MiB))) Bun.gc(true);
      got += chunk.byteLength;
      peak = Math.max(peak, process.memoryUsage.rss());
    }
    expect(got).toBe(blob.size);
    // Both ends live in this process. Were either to collect the blob, it would be 256 MiB.
    expect((peak - before) / MiB).toBeLessThan(128);
  }, 60_000);

  test("a client that does not read holds nothing up", async () => {
    await using registry = await serve();
    const client = new RegistryClient(parseReference(`${registry.address}/slow`));
    const blob = content(24);
    await client.pushBlob(blob, blob.open);
    const port = Number(registry.address.split(":")[1]);
    const idle = createConnection({ host: "127.0.0.1", port });
    idle.write(`GET /v2/slow/blobs/${blob.digest} HTTP/1.1\r\nHost: ${registry.address}\r\n\r\n`);
    idle.pause();
    await Bun.sleep(20);
    expect(await client.hasBlob(blob)).toBe(true);
    idle.destroy();
  });

  test("a client that goes away in the middle leaves a session that it can come back to", async () => {
    await using registry = await serve();
    const base = `http://${registry.address}`;
    const begun = await fetch(`${base}/v2/gone/blobs/uploads/`, { method: "POST" });
    const path = begun.headers.get("location") ?? "";
    const port = Number(registry.address.split(":")[1]);
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.write(`PATCH ${path} HTTP/1.1\r\nHost: r\r\nContent-Length: 100\r\n\r\n0123456789`);
    let range: string | null = null;
    for (let tries = 0; tries < 100 && range !== "0-9"; tries += 1) {
      await Bun.sleep(2);
      range = (await fetch(base + path)).headers.get("range");
    }
    expect(range).toBe("0-9");
    socket.destroy();
    let status = 409;
    for (let tries = 0; tries < 100 && status === 409; tries += 1) {
      await Bun.sleep(2);
      const headers = { "content-range": "10-12" };
      status = (await fetch(base + path, { method: "PATCH", headers, body: "abc" })).status;
    }
    expect(status).toBe(202);
    expect((await fetch(base + path)).headers.get("range")).toBe("0-12");
  });

  test("an answer before the body's end does not disturb the next request", async () => {
    await using registry = await serve();
    const base = `http://${registry.address}`;
    for (let round = 0; round < 5; round += 1) {
      const path =
        (await fetch(`${base}/v2/early/blobs/uploads/`, { method: "POST" })).headers.get("location") ?? "";
      const headers = { "content-range": `9-${8 + 4 * MiB}` };
      const refused = await fetch(base + path, { method: "PATCH", headers, body: new Uint8Array(4 * MiB) });
      expect(refused.status).toBe(416);
      await refused.text();
      expect((await fetch(base + path)).status).toBe(204);
    }
  });

  test("HEAD, ranges and empty blobs are right as HTTP too", async () => {
    await using registry = await serve();
    const url = `http://${registry.address}/v2/http/blobs`;
    const digests: string[] = [];
    for (const text of ["0123456789", ""]) {
      const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
      digests.push(digest);
      expect((await fetch(`${url}/uploads/?digest=${digest}`, { method: "POST", body: text })).status).toBe(
        201,
      );
    }
    const [ten, none] = digests;
    const head = await fetch(`${url}/${ten}`, { method: "HEAD" });
    expect([head.headers.get("content-length"), await head.text()]).toEqual(["10", ""]);
    const part = await fetch(`${url}/${ten}`, { headers: { range: "bytes=2-4" } });
    expect([part.status, part.headers.get("content-length"), await part.text()]).toEqual([206, "3", "234"]);
    expect(part.headers.get("content-disposition")).toBe("attachment");
    const several = await fetch(`${url}/${ten}`, { headers: { range: "bytes=0-0,2-4" } });
    expect([several.status, await several.text()]).toEqual([200, "0123456789"]);
    const empty = await fetch(`${url}/${none}`);
    expect([empty.status, empty.headers.get("content-length"), await empty.text()]).toEqual([200, "0", ""]);
  });
});

test("a download that a line cuts twice arrives whole", async () => {
  await using registry = await serve();
  const port = Number(registry.address.split(":")[1]);
  const blob = content(4);
  await new RegistryClient(parseReference(`${registry.address}/cut`)).pushBlob(blob, blob.open);
  let cuts = 2;
  const requests: string[] = [];
  // It is cut when so much has arrived, which is later than it was sent.
  let got = 0;
  let cut = (): void => undefined;
  const line = createServer((client) => {
    const server = createConnection({ host: "127.0.0.1", port });
    let passed = 0;
    const least = got + MiB / 2;
    server.on("data", (bytes) => {
      passed += bytes.length;
      client.write(bytes);
      if (cuts === 0 || passed < MiB) return;
      server.pause();
      cut = () => {
        if (got < least) return;
        cut = () => undefined;
        cuts -= 1;
        server.destroy();
        client.end();
      };
      cut();
    });
    client.on("data", (bytes) => {
      requests.push(bytes.toString("latin1"));
      server.write(bytes);
    });
    for (const socket of [client, server]) socket.on("error", () => undefined);
    client.on("close", () => server.destroy());
    server.on("close", () => client.end());
  });
  await new Promise<void>((resolve) => line.listen(0, "127.0.0.1", resolve));
  const address = line.address();
  const name = `127.0.0.1:${typeof address === "object" ? address?.port : 0}/cut`;
  const retry = { attempts: 3, baseMs: 1, maxMs: 2 };
  const client = new RegistryClient(parseReference(name), { retry });
  // Fails at the end unless the digest is right.
  for await (const chunk of client.getBlob(blob)) {
    got += chunk.byteLength;
    cut();
  }
  expect(got).toBe(blob.size);
  line.close();
  const ranges = requests.map((text) => /range: bytes=(\d+)-/i.exec(text)?.[1]);
  expect(ranges[0]).toBeUndefined();
  expect(
    ranges
      .slice(1)
      .map(Number)
      .every((from) => from >= MiB / 2),
  ).toBe(true);
  expect(ranges).toHaveLength(3);
});

test("a redirect to another host carries the request there and the password not", async () => {
  const heard: string[] = [];
  const text = '{"schemaVersion":2,"manifests":[]}';
  using sink = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      heard.push([...request.headers].map((pair) => pair.join(": ")).join("\n"));
      return new Response(text, { headers: { "content-type": "application/vnd.oci.image.index.v1+json" } });
    },
  });
  using registry = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      request.headers.has("authorization")
        ? Response.redirect(`http://127.0.0.1:${sink.port}/stolen`, 307)
        : new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }),
  });
  const client = new RegistryClient(parseReference(`127.0.0.1:${registry.port}/a`), {
    credentials: async () => ({ kind: "basic", username: "user", password: "secret" }),
  });
  await client.resolve("1" as Tag);
  expect(heard).toHaveLength(1);
  expect(heard[0]).not.toMatch(/authorization|secret|dXNlc/i);
});

test("a proxy that the environment names hears nothing of a registry on this machine", async () => {
  await using registry = await serve();
  const before = process.env["HTTP_PROXY"];
  process.env["HTTP_PROXY"] = "http://127.0.0.1:9";
  try {
    const failure = await fetch(`http://${registry.address}/v2/`).catch(() => "asked the proxy");
    expect(failure).toBe("asked the proxy"); // else the next line proves nothing
    await new RegistryClient(parseReference(`${registry.address}/a`)).ping();
    const blob = content(3);
    await new RegistryClient(parseReference(`${registry.address}/a`)).pushBlob(blob, blob.open);
  } finally {
    if (before === undefined) delete process.env["HTTP_PROXY"];
    else process.env["HTTP_PROXY"] = before;
  }
});
