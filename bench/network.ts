/**
 * What a network of containers carries, beside dockerd's: a port that is published, from a neighbour of this machine and from itself, and from one
 * container to another. Each engine has a network namespace of its own, since docker's rules let nothing pass but its own; both have the kernel's
 * bridge netfilter as it is on this machine.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CallerFolder } from "../test/integration/support/caller.ts";
import { DOCKER } from "../test/integration/support/dockerd.ts";
import { copyBySkopeo } from "../test/integration/support/images.ts";
import { OwnNetwork } from "../test/integration/support/own-network.ts";
import { TEU } from "../test/integration/teu.ts";
import type { Section, Skipped } from "./support/report.ts";
import { measure, SAMPLES } from "./support/sample.ts";

const NEEDED = ["dockerd", DOCKER, "skopeo", "umoci", "busybox", "nft", "cc"];
const PORT = "7000";
const SECONDS = "1";
const QUESTIONS = "5000";
const TRIES = Math.min(SAMPLES, 10);

interface Engine {
  readonly name: string;
  readonly network: OwnNetwork;
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** From where, and to which address; `inside`: from a container. */
interface Way {
  readonly name: string;
  readonly from: "outside" | "host" | "inside";
  address(server: string): string;
}

const WAYS: readonly Way[] = [
  { name: "a published port, from a neighbour", from: "outside", address: () => "192.0.2.1" },
  { name: "a published port, from this machine by 127.0.0.1", from: "host", address: () => "127.0.0.1" },
  { name: "from container to container", from: "inside", address: (server) => server },
];

export async function benchNetwork(): Promise<Section[] | Skipped> {
  const title = "The network";
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  const missing = NEEDED.filter((name) => Bun.which(name) === null);
  if (missing.length > 0) return { title, reason: `${missing.join(", ")} are not installed` };
  using ofTeu = new OwnNetwork();
  using ofDocker = new OwnNetwork();
  await using folder = new CallerFolder();
  const env = { TEU_ROOT: folder.at("teu"), TEU_RUN: folder.at("teu-run") };
  const socket = `unix://${folder.at("socket")}`;
  const teu: Engine = { name: "teu", network: ofTeu, words: [TEU], env };
  const docker: Engine = { name: "docker", network: ofDocker, words: [DOCKER, "--host", socket], env: {} };
  await serveDocker(folder, docker, socket);
  const program = folder.at("net-load");
  const source = join(import.meta.dir, "support/net-load.c");
  read(["cc", "-O2", "-static", "-o", program, source]);
  const archive = folder.at("box.tar");
  await copyBySkopeo(`oci:${await folder.makeLayout()}:box`, `docker-archive:${archive}:box:latest`);
  const engines = [teu, docker];
  const servers = new Map(engines.map((engine) => [engine, start(engine, archive, program)]));
  const table = async (way: Way, words: (address: string) => readonly string[], what: string) => ({
    name: `${way.name}, ${what}`,
    rows: await measure(
      engines.map((engine) => ({
        name: engine.name,
        sample: () => figureOf(engine, program, way, words(way.address(servers.get(engine) ?? ""))),
      })),
      { samples: TRIES, pauseMs: 0 },
    ),
  });
  try {
    const streams = [];
    for (const way of WAYS)
      streams.push(await table(way, (address) => ["stream", address, PORT, SECONDS], "MB/s"));
    const questions = [];
    for (const way of WAYS)
      questions.push(await table(way, (address) => ["ask", address, PORT, QUESTIONS], "µs"));
    return [
      {
        title: "The network: how much it carries",
        says: `One TCP connection for ${SECONDS} s; what arrived. Goal: at least docker's.`,
        unit: "MB/s",
        tables: streams,
      },
      {
        title: "The network: how soon it answers",
        says: `${QUESTIONS} questions and answers of 64 bytes, one after the other; one turn, the median of all. Goal: at most docker's.`,
        unit: "µs",
        tables: questions,
      },
    ];
  } finally {
    for (const engine of engines) call(engine, "rm", "-f", "server", "client");
    call(teu, "network", "prune");
  }
}

async function serveDocker(folder: CallerFolder, docker: Engine, socket: string): Promise<void> {
  const settings = folder.at("daemon.json");
  writeFileSync(settings, "{}");
  const state = ["--data-root", folder.at("data"), "--exec-root", folder.at("exec")];
  const own = ["--host", socket, "--config-file", settings, "--pidfile", folder.at("pid"), ...state];
  await folder.serve([...docker.network.host, "dockerd", ...own], async () => {
    const asked = Bun.spawnSync([...docker.words, "version"], { stdout: "ignore", stderr: "ignore" });
    return asked.success;
  });
}

/** Starts both ends. @returns the server's address */
function start(engine: Engine, archive: string, program: string): string {
  call(engine, "load", "-q", "-i", archive);
  const common = ["run", "-d", "-v", `${program}:/net-load:ro`];
  call(engine, ...common, "--name", "server", "-p", `${PORT}:${PORT}`, "box", "/net-load", "serve", PORT);
  call(engine, ...common, "--name", "client", "box", "sleep", "100000");
  return call(engine, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", "server");
}

function figureOf(engine: Engine, program: string, { from }: Way, words: readonly string[]): number {
  if (from === "inside") return Number(call(engine, "exec", "client", "/net-load", ...words));
  return Number(read([...engine.network[from], program, ...words]));
}

function call({ network, words, env }: Engine, ...more: readonly string[]): string {
  return read([...network.host, ...words, ...more], env);
}

function read(command: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const { success, stdout, stderr } = Bun.spawnSync([...command], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "", ...env },
  });
  if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
  return stdout.toString().trim();
}
