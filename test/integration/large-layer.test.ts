/** A pull of a large layer that is killed: what each of its connections has brought is not asked for again. And a copy of it, in parts. */
import { afterAll, expect } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/spec/index.ts";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { Store, startRegistry } from "./support/registry.ts";
import { TEU } from "./teu.ts";

const test = needs(root);
const MIB = 1 << 20;
const folder = mkdtempSync(join(tmpdir(), "teu-large-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const SIZE = 40 * MIB;
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

test("teu pull goes on with every part of a layer where it was killed", async () => {
  const layer = new Uint8Array(SIZE);
  for (let at = 0; at < SIZE; at += 4096) layer[at] = at >> 12;
  const digest = digestOf(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [digest] },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: digestOf(config),
        size: config.byteLength,
      },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: SIZE }],
    }),
  );
  let pauseMs = 8;
  const asked: number[] = [];
  // However slow the machine is: one connection brings little until others are opened, and all of them before they have brought everything.
  let isHeldUp = true;
  let sent = 0;
  const MOST = 24 * MIB;
  const bodyOf = (from: number, to: number) => {
    let at = from;
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const isSlow = isHeldUp && (asked.length < 4 || sent > MOST);
          await Bun.sleep(isSlow ? 20 : pauseMs);
          const chunk = layer.subarray(at, Math.min(at + (isSlow ? MIB / 128 : MIB), to));
          at += chunk.byteLength;
          sent += chunk.byteLength;
          controller.enqueue(chunk);
          if (at >= to) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname.includes("/manifests/"))
        return new Response(manifest, { headers: { "content-type": MANIFEST } });
      if (!pathname.endsWith(digest)) return new Response(config);
      const [, from = "0", to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "") ?? [];
      const [start, end] = [Number(from), to ? Number(to) + 1 : SIZE];
      asked.push(end - start);
      const headers = { "content-range": `bytes ${start}-${end - 1}/${SIZE}` };
      return new Response(bodyOf(start, end), { status: 206, headers });
    },
  });
  await using store = new Store();
  const name = `127.0.0.1:${server.port}/large:1`;
  const pull = () =>
    Bun.spawn([TEU, "pull", "--progress", "json", name], {
      env: { ...store.env },
      stdout: "ignore",
      stderr: "pipe",
    });
  try {
    const first = pull();
    for await (const text of first.stderr.pipeThrough(new TextDecoderStream()))
      if (Math.max(...[...text.matchAll(/"offset":(\d+)/g)].map(([, offset]) => Number(offset))) > 20 * MIB)
        break;
    first.kill("SIGKILL");
    await first.exited;
    expect(asked.length).toBeGreaterThan(3);
    asked.length = 0;
    pauseMs = 0;
    isHeldUp = false;
    const { status, stderr } = await store.teu("pull", "--progress", "json", name);
    expect(status).toBe(0);
    const events = stderr
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
    const [begun, ...later] = events.filter((event) => event.digest === digest);
    expect(begun).toMatchObject({
      event: "begun",
      size: SIZE,
      mediaType: "application/vnd.oci.image.layer.v1.tar",
    });
    expect(begun.offset).toBeGreaterThan(MIB);
    expect(later.at(-1)).toMatchObject({ event: "done", digest });
    expect(later.slice(0, -1).every(({ event, offset }) => event === "moved" && offset > begun.offset)).toBe(
      true,
    );
    expect((await store.teu("pull", "--progress", "plain", name)).stderr).toContain(", there already\n");
    expect((await store.teu("pull", "--progress", "tty", name)).stderr).toContain("\x1b[J");
    expect((await store.teu("pull", "--progress", "none", name)).stderr).not.toContain("there already");
    expect((await store.teu("pull", "--progress", "loud", name)).stderr).toContain("wants one of auto, tty");
    // Up to a few MB of each connection were on their way.
    expect(asked.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(SIZE - 8 * MIB);
    // What is only passed on comes in parts too.
    asked.length = 0;
    pauseMs = 8;
    const copied = join(folder, "copied");
    expect(await store.teu("copy", "-q", `docker://${name}`, `dir:${copied}`)).toMatchObject({ status: 0 });
    expect(asked).toEqual(Array.from({ length: 5 }, () => 8 * MIB));
    expect(digestOf(readFileSync(join(copied, digest.slice("sha256:".length))))).toBe(digest);
  } finally {
    await server.stop(true);
  }
});

// Two that are large enough are unpacked in processes beside the pull, while the rest comes.
needs(root, program("busybox"))(
  "what unpacks while layers come makes the tree that they describe",
  async () => {
    await using registry = await startRegistry();
    await using store = new Store();
    const image = `${registry.address}/team/large:1`;
    const noise = () => Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)).toHex().repeat(60));
    const [first, second] = [noise(), noise()];
    await pushLayers(image, [
      { ...busyboxLayer(), "data/one": first, "data/gone": "1" },
      { "data/one": second, "data/.wh.gone": "" },
      { "data/last": "3" },
    ]);
    await store.done("unpack", "--quiet", image, store.path("bundle"));
    const read = (name: string): Buffer => readFileSync(join(store.path("bundle"), "rootfs/data", name));
    expect(read("one").equals(second)).toBe(true);
    expect(read("last").toString()).toBe("3");
    expect(existsSync(join(store.path("bundle"), "rootfs/data/gone"))).toBe(false);
    await store.done("rmi", image);
    const words = ["run", "--rm", "--network", "none", "--pull", "always", image, "ls", "data"];
    expect(await store.done(...words)).toBe("last\none\n");
  },
);
