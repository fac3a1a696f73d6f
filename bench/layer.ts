/** Pulling one large layer from a registry that sends parts of blobs, beside one that does not: where each connection is limited, and where none is. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../src/spec/index.ts";
import { TEU } from "../test/integration/teu.ts";
import type { Section, Skipped, Table } from "./support/report.ts";
import { measure, SAMPLES, type Subject } from "./support/sample.ts";

const TITLE = "One large layer";
const LAYER_BYTES = 256 << 20;
const CHUNK_BYTES = 1 << 20;
const RATE_BYTES = 64 << 20;
const PULLS = Math.max(1, Math.min(SAMPLES, 10));
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** What the double serves. */
class Image {
  readonly layer = new Uint8Array(LAYER_BYTES);
  readonly config: Buffer;
  readonly manifest: Buffer;
  readonly blobs: ReadonlyMap<string, Uint8Array>;

  constructor() {
    for (let at = 0; at < LAYER_BYTES; at += 4096) this.layer[at] = at >> 12;
    this.config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        os: "linux",
        rootfs: { type: "layers", diff_ids: [digestOf(this.layer)] },
      }),
    );
    const [config, layer] = [this.config, this.layer].map((bytes) => ({
      digest: digestOf(bytes),
      size: bytes.byteLength,
    }));
    this.manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
        layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
      }),
    );
    this.blobs = new Map<string, Uint8Array>([
      [config?.digest ?? "", this.config],
      [layer?.digest ?? "", this.layer],
    ]);
  }
}

/** @param rateBytes  What each connection gets in a second; absent: all that it takes. */
function serve(image: Image, sendsParts: boolean, rateBytes?: number): ReturnType<typeof Bun.serve> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname.includes("/manifests/"))
        return new Response(image.manifest, {
          headers: { "content-type": MANIFEST, "docker-content-digest": digestOf(image.manifest) },
        });
      const bytes = image.blobs.get(pathname.slice(pathname.lastIndexOf("/") + 1));
      if (bytes === undefined) return new Response(null, { status: pathname === "/v2/" ? 200 : 404 });
      const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "") ?? [];
      if (!sendsParts || from === undefined) return new Response(bodyOf(bytes, rateBytes));
      const end = to ? Number(to) + 1 : bytes.byteLength;
      const headers = { "content-range": `bytes ${from}-${end - 1}/${bytes.byteLength}` };
      return new Response(bodyOf(bytes.subarray(Number(from), end), rateBytes), { status: 206, headers });
    },
  });
}

function bodyOf(bytes: Uint8Array, rateBytes: number | undefined): ReadableStream<Uint8Array> {
  const begun = performance.now();
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const due = rateBytes === undefined ? 0 : begun + (at / rateBytes) * 1000 - performance.now();
        await Bun.sleep(Math.max(0, due));
        const chunk = bytes.subarray(at, at + CHUNK_BYTES);
        at += chunk.byteLength;
        if (chunk.byteLength > 0) controller.enqueue(chunk);
        if (at >= bytes.byteLength) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Pulls into a new store each time. */
function pullFrom(name: string, server: ReturnType<typeof Bun.serve>): Subject {
  return {
    name,
    async sample() {
      const folder = mkdtempSync(join(tmpdir(), "teu-bench-layer-"));
      try {
        const begun = performance.now();
        const child = Bun.spawn([TEU, "pull", "-q", `127.0.0.1:${server.port}/large:1`], {
          env: { TEU_ROOT: join(folder, "root"), TEU_RUN: join(folder, "run") },
          stdout: "ignore",
          stderr: "inherit",
        });
        if ((await child.exited) !== 0) throw new Error("teu pull has failed");
        return performance.now() - begun;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

export async function benchLayer(): Promise<Section | Skipped> {
  if (process.getuid?.() !== 0) return { title: TITLE, reason: "it needs root" };
  const image = new Image();
  const tables: Table[] = [];
  for (const [name, rate] of [
    ["64 MB/s for each connection", RATE_BYTES],
    ["no limit", undefined],
  ] as const) {
    const servers = [false, true].map((sendsParts) => serve(image, sendsParts, rate));
    const subjects = servers.map((server, index) => pullFrom(index === 0 ? "in one" : "in parts", server));
    tables.push({ name, rows: await measure(subjects, { samples: PULLS, pauseMs: 0 }) });
    await Promise.all(servers.map((server) => server.stop(true)));
  }
  return {
    title: TITLE,
    says: "`teu pull` of an image with one layer of 256 MiB into a new store, from a double of a registry on the same machine that sends parts of blobs, and one that does not.",
    unit: "ms",
    tables,
  };
}
