/** The registry beside distribution's: first answer, manifests to 32 clients at once, a large blob out and in, memory. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../src/spec/index.ts";
import { TEU } from "../test/integration/teu.ts";
import type { Section, Skipped } from "./support/report.ts";
import { type Measured, measure, SAMPLES, type Subject, summarise } from "./support/sample.ts";

const TITLE = "The registry";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CLIENTS = 32;
const REQUESTS = 6_400;
const GET_BYTES = 100 << 20;
const PUT_BYTES = 200 << 20;
const TRANSFERS = Math.max(1, Math.min(SAMPLES, 10));

/** A registry under test; who starts it ends it. */
export interface Server extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

/** `teu` or `docker-registry`, with an empty folder, when it has answered. */
export async function start(name: string): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "teu-bench-registry-"));
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const address = `127.0.0.1:${probe.port}`;
  probe.stop(true);
  const config = join(folder, "config.yml");
  const storage = { filesystem: { rootdirectory: join(folder, "root") } };
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { accesslog: { disabled: true }, level: "error" },
      storage,
      http: { addr: address, secret: "x" },
    }),
  );
  const command =
    name === "teu"
      ? [TEU, "registry", "serve", "--listen", address, "--root", join(folder, "root")]
      : ["docker-registry", "serve", config];
  const child = Bun.spawn(command, {
    cwd: "/",
    env: {},
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const url = `http://${address}/v2`;
  while (!(await fetch(`${url}/`).catch(() => undefined))) await Bun.sleep(1);
  return {
    name,
    url,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function pushBlob({ url }: Server, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const begun = await fetch(`${url}/a/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", url);
  const digest = digestOf(bytes);
  location.searchParams.set("digest", digest);
  const put = await fetch(location, { method: "PUT", body: bytes });
  if (put.status !== 201) throw new Error(`PUT: status ${put.status}`);
  return digest;
}

async function pushManifest(server: Server): Promise<string> {
  const digest = await pushBlob(server, new Uint8Array(Buffer.from("{}")));
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 2 };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [] });
  const put = await fetch(`${server.url}/a/manifests/1`, {
    method: "PUT",
    body,
    headers: { "content-type": MANIFEST },
  });
  if (put.status !== 201) throw new Error(`PUT manifest: status ${put.status}`);
  return `${server.url}/a/manifests/1`;
}

/** What each of many requests took, 32 at a time. The clients are one process, beside the server. */
async function latencies(server: Server): Promise<number[]> {
  const url = await pushManifest(server);
  const all: number[] = [];
  const client = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      const begin = performance.now();
      await (await fetch(url, { headers: { accept: MANIFEST } })).arrayBuffer();
      all.push(performance.now() - begin);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, () => client(REQUESTS / CLIENTS)));
  return all;
}

async function getBlob(url: string): Promise<number> {
  const begin = performance.now();
  let bytes = 0;
  for await (const chunk of (await fetch(url)).body ?? []) bytes += chunk.byteLength;
  if (bytes !== GET_BYTES) throw new Error(`GET: ${bytes} bytes`);
  return performance.now() - begin;
}

const rowsOf = (subjects: readonly Subject[], samples = TRANSFERS): Promise<Measured[]> =>
  measure(subjects, { samples, pauseMs: 50 });

/** In milliseconds, but for the last table. */
export async function benchRegistry(): Promise<Section | Skipped> {
  if (Bun.which("docker-registry") === null)
    return { title: TITLE, reason: "docker-registry is not installed" };
  const names = ["distribution", "teu"];
  const starts = await rowsOf(
    names.map((name) => ({
      name,
      sample: async () => {
        const begin = performance.now();
        await using _server = await start(name);
        return performance.now() - begin;
      },
    })),
  );
  await using distribution = await start("distribution");
  await using teu = await start("teu");
  const servers = [distribution, teu];
  const idle = servers.map(({ name, pid }) => summarise(name, [residentMB(pid, "VmRSS")]));
  const manifests: Measured[] = [];
  const slowest: Measured[] = [];
  for (const server of servers) {
    const all = (await latencies(server)).sort((a, b) => a - b);
    manifests.push(summarise(server.name, all));
    slowest.push(summarise(server.name, [all[Math.floor(all.length * 0.99)] ?? 0]));
  }
  const bytes = new Uint8Array(GET_BYTES);
  crypto.getRandomValues(bytes.subarray(0, 65_536));
  const gets: Subject[] = [];
  for (const server of servers) {
    const url = `${server.url}/a/blobs/${await pushBlob(server, bytes)}`;
    gets.push({ name: server.name, sample: () => getBlob(url) });
  }
  const out = await rowsOf(gets);
  const large = new Uint8Array(PUT_BYTES);
  let count = 0;
  const into = await rowsOf(
    servers.map((server) => ({
      name: server.name,
      sample: async () => {
        new DataView(large.buffer).setUint32(0, ++count); // one that is not there yet
        const begin = performance.now();
        await pushBlob(server, large);
        return performance.now() - begin;
      },
    })),
  );
  const peaks = servers.map(({ name, pid }) => summarise(name, [residentMB(pid, "VmHWM")]));
  return {
    title: TITLE,
    says: `Over loopback, clients and servers on the same processors; Debian's docker-registry is distribution 2.8. Times of a PUT hold the client's own hash.`,
    unit: "ms (MB in the last two)",
    tables: [
      { name: "start to first answer", rows: starts },
      { name: `GET of a manifest, ${CLIENTS} at once`, rows: manifests },
      { name: "the same, 99 of 100 are faster than", rows: slowest },
      { name: "GET of 100 MiB", rows: out },
      { name: "PUT of 200 MiB", rows: into },
      { name: "memory when idle", rows: idle },
      { name: "memory at most, after all that", rows: peaks },
    ],
  };
}

export function residentMB(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
}
