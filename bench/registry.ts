/** The registry beside distribution's: first answer, manifests over 32 connections, a large blob out and in, memory. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../src/spec/index.ts";
import { TEU } from "../test/integration/teu.ts";
import { MemoryDisk } from "./support/memory-disk.ts";
import type { Section, Skipped } from "./support/report.ts";
import { type Measured, measure, SAMPLES, type Subject, summarise } from "./support/sample.ts";

const TITLE = "The registry";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CLIENTS = 32;
const LOAD_SECONDS = 3;
const LOADS = Math.max(1, Math.min(SAMPLES, 5));
const GET_BYTES = 100 << 20;
const PUT_BYTES = 200 << 20;
const PROGRAMS = ["docker-registry", "wrk", "curl"];
const TRANSFERS = Math.max(1, Math.min(SAMPLES, 10));

/** A registry under test; who starts it ends it. */
export interface Server extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

/** `teu` or `docker-registry`, with an empty folder, when it has answered. */
export async function start(name: string, above: string = tmpdir()): Promise<Server> {
  const folder = mkdtempSync(join(above, "teu-bench-registry-"));
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

export async function pushBlob(server: Server, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = digestOf(bytes);
  const put = await fetch(await beginUpload(server, digest), { method: "PUT", body: bytes });
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

/** What wrk counts in a few seconds: requests of a manifest, and how long the slowest but one in a hundred of them took. */
interface Load {
  readonly requestsPerSecond: number;
  readonly slowMs: number;
}

async function load(url: string): Promise<Load> {
  const flags = ["--threads=1", `--connections=${CLIENTS}`, `--duration=${LOAD_SECONDS}s`, "--latency"];
  const said = await outputOf("wrk", ...flags, "--header", `accept: ${MANIFEST}`, url);
  const [, rate] = /^Requests\/sec:\s+([\d.]+)$/m.exec(said) ?? [];
  const [, slow, unit] = /^\s+99%\s+([\d.]+)(us|ms|s)$/m.exec(said) ?? [];
  if (rate === undefined || slow === undefined || /Non-2xx/.test(said)) throw new Error(`wrk: ${said}`);
  return {
    requestsPerSecond: Number(rate),
    slowMs: Number(slow) * (unit === "us" ? 1e-3 : unit === "s" ? 1e3 : 1),
  };
}

/** Seconds from curl's request to the last byte, in milliseconds. */
async function transfer(wanted: number, ...words: readonly string[]): Promise<number> {
  const flags = [
    "--silent",
    "--show-error",
    "--output",
    "/dev/null",
    "--write-out",
    "%{http_code} %{time_total}",
  ];
  const [status, seconds] = (await outputOf("curl", ...flags, ...words)).split(" ");
  if (Number(status) !== wanted) throw new Error(`curl ${words.join(" ")}: status ${status}`);
  return Number(seconds) * 1000;
}

async function outputOf(...command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const said = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: status ${child.exitCode}`);
  return said;
}

/** Where a new upload is to end with PUT. */
async function beginUpload({ url }: Server, digest: string): Promise<string> {
  const begun = await fetch(`${url}/a/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", url);
  location.searchParams.set("digest", digest);
  return location.href;
}

const rowsOf = (subjects: readonly Subject[], samples = TRANSFERS): Promise<Measured[]> =>
  measure(subjects, { samples, pauseMs: 50 });

/** In milliseconds, but for the last table. */
export async function benchRegistry(): Promise<Section | Skipped> {
  if (process.getuid?.() !== 0) return { title: TITLE, reason: "it needs root" };
  const missing = PROGRAMS.filter((name) => Bun.which(name) === null);
  if (missing.length > 0) return { title: TITLE, reason: `${missing.join(", ")} is not installed` };
  using disk = new MemoryDisk(8);
  const names = ["distribution", "teu"];
  const starts = await rowsOf(
    names.map((name) => ({
      name,
      sample: async () => {
        const begin = performance.now();
        await using _server = await start(name, disk.folder);
        return performance.now() - begin;
      },
    })),
  );
  await using distribution = await start("distribution", disk.folder);
  await using teu = await start("teu", disk.folder);
  const servers = [distribution, teu];
  const idle = servers.map(({ name, pid }) => summarise(name, [residentMB(pid, "VmRSS")]));
  const loads = servers.map((): Load[] => []);
  const urls = await Promise.all(servers.map(pushManifest));
  for (let round = 0; round < LOADS; round++)
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) loads[index]?.push(await load(urls[index] ?? ""));
  const seen = (pick: (one: Load) => number): Measured[] =>
    servers.map(({ name }, index) => summarise(name, (loads[index] ?? []).map(pick)));
  const bytes = new Uint8Array(GET_BYTES);
  crypto.getRandomValues(bytes.subarray(0, 65_536));
  const gets: Subject[] = [];
  for (const server of servers) {
    const url = `${server.url}/a/blobs/${await pushBlob(server, bytes)}`;
    gets.push({ name: server.name, sample: () => transfer(200, url) });
  }
  const out = await rowsOf(gets);
  const large = new Uint8Array(PUT_BYTES);
  const file = join(disk.folder, "large");
  let count = 0;
  const into = await rowsOf(
    servers.map((server) => ({
      name: server.name,
      async sample() {
        new DataView(large.buffer).setUint32(0, ++count); // one that is not there yet
        await Bun.write(file, large);
        const location = await beginUpload(server, digestOf(large));
        return transfer(201, "--upload-file", file, "--header", "expect:", location);
      },
    })),
  );
  const peaks = servers.map(({ name, pid }) => summarise(name, [residentMB(pid, "VmHWM")]));
  return {
    title: TITLE,
    says:
      "Over loopback, clients (wrk, curl) and servers on the same processors; Debian's docker-registry is distribution 2.8. The disk is memory with an ext4. What teu has acknowledged is on it; distribution leaves that to the kernel.\n" +
      "Goals, of distribution: 20 times its requests and 99 of 100 in 3 ms, GET in 0.83 and PUT in 0.4 of its time; a first answer in 60 ms, 60 MB when idle.",
    unit: "as said",
    tables: [
      { name: "start to first answer, ms", rows: starts },
      {
        name: `GETs of a manifest a second, ${CLIENTS} connections`,
        rows: seen((one) => one.requestsPerSecond),
      },
      { name: "99 of 100 of them are faster than, ms", rows: seen((one) => one.slowMs) },
      { name: "GET of 100 MiB, ms", rows: out },
      { name: "PUT of 200 MiB, ms", rows: into },
      { name: "memory when idle, MB", rows: idle },
      { name: "memory at most, after all that, MB", rows: peaks },
    ],
  };
}

export function residentMB(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
}
