/** The registry while many upload and download at once: what it needs of memory, and how long others wait for a small answer. */
import { join } from "node:path";
import { pushBlob, residentMB, type Server, start } from "./registry.ts";
import type { Section, Skipped } from "./support/report.ts";
import { type Measured, SAMPLES, summarise } from "./support/sample.ts";

const TITLE = "The registry under load";
const CLIENTS = join(import.meta.dir, "registry-clients.ts");
const BLOB_MB = 16;
const SECONDS = 6;
const ROUNDS = Math.max(1, Math.min(SAMPLES, 5));

/** Who is there. */
interface Load {
  readonly uploads: number;
  readonly downloads: number;
}

const LOADS: readonly Load[] = [
  { uploads: 16, downloads: 0 },
  { uploads: 32, downloads: 32 },
];

interface Seen {
  readonly peakMB: number;
  readonly medianMs: number;
  readonly slowMs: number;
  readonly sentMBs: number;
  readonly gotMBs: number;
}

/** One round on a server of its own, since the peak of memory is that of a whole life. */
async function observe(name: string, { uploads, downloads }: Load): Promise<Seen> {
  await using server = await start(name);
  const bytes = new Uint8Array(BLOB_MB << 20);
  crypto.getRandomValues(bytes.subarray(0, 65_536));
  const blob = await pushBlob(server, bytes);
  const origin = server.url.replace("/v2", "");
  const words = [uploads, downloads, BLOB_MB, SECONDS].map(String);
  const clients = Bun.spawn([process.execPath, CLIENTS, origin, ...words, blob], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const waits = await probe(server, clients);
  const { sentMB, gotMB } = (await new Response(clients.stdout).json()) as { sentMB: number; gotMB: number };
  const at = (share: number): number => waits[Math.floor(waits.length * share)] ?? 0;
  const rates = { sentMBs: sentMB / SECONDS, gotMBs: gotMB / SECONDS };
  return { peakMB: residentMB(server.pid, "VmHWM"), medianMs: at(0.5), slowMs: at(0.9), ...rates };
}

/** What a small request took, one after the other, as long as the clients are there. */
async function probe({ url }: Server, clients: Bun.Subprocess): Promise<number[]> {
  const waits: number[] = [];
  while (clients.exitCode === null && clients.signalCode === null) {
    const begin = performance.now();
    await (await fetch(`${url}/`)).arrayBuffer();
    waits.push(performance.now() - begin);
    await Bun.sleep(5);
  }
  return waits.sort((a, b) => a - b);
}

/** Beside distribution, one table for each question and load. */
export async function benchRegistryLoad(): Promise<Section | Skipped> {
  if (Bun.which("docker-registry") === null)
    return { title: TITLE, reason: "docker-registry is not installed" };
  const names = ["distribution", "teu"];
  const tables = [];
  for (const load of LOADS) {
    const seen = new Map<string, Seen[]>(names.map((name) => [name, []]));
    for (let round = 0; round < ROUNDS; round++)
      for (const name of round % 2 === 0 ? names : names.toReversed())
        seen.get(name)?.push(await observe(name, load));
    const rows = (pick: (one: Seen) => number): Measured[] =>
      names.map((name) => summarise(name, (seen.get(name) ?? []).map(pick)));
    const who = `${load.uploads} uploads${load.downloads === 0 ? "" : `, ${load.downloads} downloads`}`;
    tables.push(
      { name: `${who}: memory at most, MB`, rows: rows(({ peakMB }) => peakMB) },
      { name: `${who}: another's small request, ms`, rows: rows(({ medianMs }) => medianMs) },
      { name: `${who}: 9 of 10 of those are faster than, ms`, rows: rows(({ slowMs }) => slowMs) },
      { name: `${who}: taken in, MB/s`, rows: rows(({ sentMBs }) => sentMBs) },
    );
    if (load.downloads > 0)
      tables.push({ name: `${who}: given out, MB/s`, rows: rows(({ gotMBs }) => gotMBs) });
  }
  return {
    title: TITLE,
    says:
      `Clients in one process, which has its share of the same processors, as fast as they can for ${SECONDS} s, blobs of ${BLOB_MB} MiB; a fresh registry for each sample.\n` +
      "Goals: at most 90 MB with 32 uploads and 32 downloads, nobody else kept waiting for more than 15 ms. An empty registry has 54 MB at most, 43 of them the program's own file.",
    unit: "as said",
    tables,
  };
}
