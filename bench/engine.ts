/**
 * The engine beside dockerd, podman and containerd: one container from command to command, five hundred at once, and a log. All of them work in a
 * network namespace of the benchmark's own, so that nothing of the host's is in the way of anybody, and each keeps its state in a folder of its own.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CallerFolder } from "../test/integration/support/caller.ts";
import { copyBySkopeo } from "../test/integration/support/images.ts";
import { OwnNetwork } from "../test/integration/support/own-network.ts";
import { TEU } from "../test/integration/teu.ts";
import { proportionalSize } from "./support/memory.ts";
import type { Section, Skipped, Table } from "./support/report.ts";
import { measure, SAMPLES, type Subject, summarise, timeCommand } from "./support/sample.ts";

const NEEDED = ["dockerd", "containerd", "ctr", "podman", "skopeo", "umoci", "busybox", "nft"];
/** Of teu; of docker a tenth as many, since each takes it ten times as long. */
const MANY = Math.max(10, Number(process.env["TEU_BENCH_CONTAINERS"] ?? 500));
const LOG_MEGABYTES = Math.max(1, Number(process.env["TEU_BENCH_LOG_MEGABYTES"] ?? 1000));

/** An engine: its words before those of docker's command line. */
interface Engine {
  readonly name: string;
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Of `run`. */
  readonly flags: readonly string[];
}

export async function benchEngine(): Promise<Section[] | Skipped> {
  const title = "The engine";
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  const missing = NEEDED.filter((name) => Bun.which(name) === null);
  if (missing.length > 0) return { title, reason: `${missing.join(", ")} are not installed` };
  using network = new OwnNetwork();
  await using folder = new CallerFolder();
  const bench = new EngineBench(network.host, folder);
  try {
    await bench.prepare();
    return [await bench.one(), await bench.many(), await bench.log()];
  } finally {
    // podman mounts its own folder on itself, and once more when it cleans up after the last container.
    await Bun.sleep(1000);
    while (Bun.spawnSync(["umount", "-l", folder.at("podman/overlay")], { stderr: "ignore" }).success);
  }
}

class EngineBench {
  readonly #host: readonly string[];
  readonly #folder: CallerFolder;
  readonly #teu: Engine;
  readonly #docker: Engine;
  readonly #podman: Engine;
  readonly #ctr: readonly string[];

  constructor(host: readonly string[], folder: CallerFolder) {
    this.#host = host;
    this.#folder = folder;
    // Debian's client: one that somebody put in /usr/local may be too new for Debian's server.
    const client = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";
    const env = { TEU_ROOT: folder.at("teu"), TEU_RUN: folder.at("teu-run") };
    this.#teu = { name: "teu", words: [TEU], env, flags: [] };
    this.#docker = {
      name: "docker",
      words: [client, "--host", `unix://${folder.at("socket")}`],
      env: {},
      flags: [],
    };
    const state = ["--root", folder.at("podman"), "--runroot", folder.at("podman-run")];
    this.#podman = {
      name: "podman",
      words: ["podman", ...state, "--cgroup-manager", "cgroupfs", "--runtime", "runc"],
      env: {},
      // Its own are above what a root without CAP_SYS_RESOURCE may give.
      flags: ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"],
    };
    this.#ctr = ["ctr", "--address", folder.at("exec/containerd/containerd.sock")];
  }

  #time({ words, env }: Engine, ...more: readonly string[]): number {
    return timeCommand([...this.#host, ...words, ...more], { env });
  }

  #read({ words, env }: Engine, ...more: readonly string[]): string {
    const { stdout } = Bun.spawnSync([...this.#host, ...words, ...more], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stderr: "ignore",
    });
    return stdout.toString();
  }

  /** The daemon serves, and everybody has the image. */
  async prepare(): Promise<void> {
    const folder = this.#folder;
    writeFileSync(folder.at("daemon.json"), "{}");
    const state = [
      "--data-root",
      folder.at("data"),
      "--exec-root",
      folder.at("exec"),
      "--pidfile",
      folder.at("pid"),
    ];
    await folder.serve(
      [
        ...this.#host,
        "dockerd",
        ...this.#docker.words.slice(1),
        "--config-file",
        folder.at("daemon.json"),
        ...state,
      ],
      async () => this.#read(this.#docker, "version", "--format", "{{.Server.Version}}") !== "",
    );
    const archive = folder.at("box.tar");
    await copyBySkopeo(`oci:${await folder.makeLayout()}:box`, `docker-archive:${archive}:box:latest`);
    this.#time(this.#teu, "load", "-q", "-i", archive);
    this.#time(this.#docker, "load", "-q", "-i", archive);
    this.#time(this.#podman, "load", "-q", "-i", archive);
    timeCommand([...this.#ctr, "images", "import", "--base-name", "box", archive]);
    const [name = ""] = this.#read(
      { name: "ctr", words: this.#ctr, env: {}, flags: [] },
      "images",
      "ls",
      "-q",
    )
      .trim()
      .split("\n");
    this.#image = name;
  }
  #image = "";

  /** One container, from command to prompt. */
  async one(): Promise<Section> {
    const run = (engine: Engine, network: string): Subject => {
      const flags = [...(network === "" ? [] : ["--network", network]), ...engine.flags];
      return { name: engine.name, sample: () => this.#time(engine, "run", "--rm", ...flags, "box", "true") };
    };
    let count = 0;
    const ctr: Subject = {
      name: "ctr",
      sample: () => timeCommand([...this.#ctr, "run", "--rm", this.#image, `bench-${count++}`, "true"]),
    };
    const exec = (engine: Engine): Subject => {
      this.#time(
        engine,
        "run",
        "-d",
        "--network",
        "none",
        "--name",
        "idle",
        ...engine.flags,
        "box",
        "sleep",
        "100000",
      );
      return { name: engine.name, sample: () => this.#time(engine, "exec", "idle", "true") };
    };
    const sampling = { samples: SAMPLES, pauseMs: 0 };
    const engines = [this.#teu, this.#docker, this.#podman];
    const tables: Table[] = [
      {
        name: "`run --rm --network none box true`",
        rows: await measure([...engines.map((engine) => run(engine, "none")), ctr], sampling),
      },
      {
        name: "`run --rm box true` on the default bridge",
        // podman's needs a plugin of its own for a bridge.
        rows: await measure(
          [this.#teu, this.#docker].map((engine) => run(engine, "")),
          sampling,
        ),
      },
      { name: "`exec idle true`", rows: await measure(engines.map(exec), sampling) },
    ];
    for (const engine of engines) this.#time(engine, "rm", "-f", "idle");
    return {
      title: "The engine: one container",
      says: "Goals: `run` at most 1/10 of docker's time and 1/4 of ctr's, `exec` at most 1/8 of docker's.",
      unit: "ms",
      tables,
    };
  }

  /** Many that run. */
  async many(): Promise<Section> {
    const dockers = Math.max(5, Math.round(MANY / 10));
    const names = (count: number) => Array.from({ length: count }, (_, index) => `many-${index}`);
    const startAll = (engine: Engine, count: number): number => {
      const begin = performance.now();
      for (const name of names(count))
        this.#time(engine, "run", "-d", "--network", "none", "--name", name, "box", "sleep", "100000");
      return (performance.now() - begin) / count;
    };
    const start = [startAll(this.#teu, MANY), startAll(this.#docker, dockers)];
    const memory = [pssOf("teu-monitor") / MANY, pssOf("containerd-shim") / dockers];
    const ps = await measure(
      [this.#teu, this.#docker].map((engine) => ({
        name: `${engine.name}, ${engine === this.#teu ? MANY : dockers}`,
        sample: () => this.#time(engine, "ps", "-q"),
      })),
      { samples: SAMPLES, pauseMs: 0 },
    );
    const end = [
      this.#time(this.#teu, "rm", "-f", ...names(MANY)) / MANY,
      this.#time(this.#docker, "rm", "-f", ...names(dockers)) / dockers,
    ];
    const rows = ([teu = 0, docker = 0]: readonly number[]) => [
      summarise(`teu, ${MANY}`, [teu]),
      summarise(`docker, ${dockers}`, [docker]),
    ];
    return {
      title: "The engine: many containers",
      says: "Without networks, one command for each start, one command for the end of all. Goals: start at a fifth of docker's time, end at a third, `ps` with 500 in 40 ms, 200 kB (PSS) for a container that runs: monitors of teu, shims of containerd.",
      unit: "ms, or kB",
      tables: [
        { name: "start of one, ms", rows: rows(start) },
        { name: "end of one, ms", rows: rows(end) },
        { name: "memory of one, kB", rows: rows(memory) },
        { name: "`ps -q`, ms", rows: ps },
      ],
    };
  }

  /** How fast a container gets rid of lines, and what its engine uses for that. */
  async log(): Promise<Section> {
    const places = this.#folder.at("written");
    mkdirSync(places, { recursive: true });
    // The container stays until its engine's processes have been looked at.
    const line = `yes 0123456789012345678901234567890123456789012345678901234567890 | head -c ${LOG_MEGABYTES}m; touch /written/done; exec sleep 100000`;
    const used = new Map<Engine, number[]>();
    const sample = async (engine: Engine): Promise<number> => {
      const done = join(places, "done");
      rmSync(done, { force: true });
      const before = this.#ownSeconds(engine);
      const begin = performance.now();
      const flags = ["--network", "none", "--name", "loud", "-v", `${places}:/written`];
      this.#time(engine, "run", "-d", ...flags, "box", "sh", "-c", line);
      while (!existsSync(done)) await Bun.sleep(10);
      const took = performance.now() - begin;
      const pid = this.#read(engine, "inspect", "--format", "{{.State.Pid}}", "loud").trim();
      const spent = secondsOf(parentOf(pid)) + this.#ownSeconds(engine) - before;
      used.set(engine, [...(used.get(engine) ?? []), spent]);
      this.#time(engine, "rm", "-f", "loud");
      return took / 1000;
    };
    const engines = [this.#teu, this.#docker];
    const rows = await measure(
      engines.map((engine) => ({ name: engine.name, sample: () => sample(engine) })),
      { samples: Math.min(SAMPLES, 3), pauseMs: 0 },
    );
    return {
      title: "The engine: a log",
      says: `${LOG_MEGABYTES} MB of lines of 62 bytes, from \`run -d\` until they are written; and what the processes of the engine that are there meanwhile use of the processors: teu's monitor, and dockerd with containerd and its shim. Goals: no slower than docker, with half of its time at most.`,
      unit: "s",
      tables: [
        { name: "until they are written", rows },
        {
          name: "time of the processors",
          rows: engines.map((engine) => summarise(engine.name, (used.get(engine) ?? []).slice(1))),
        },
      ],
    };
  }

  /** What the engine's processes have used that are there without a container, too. */
  #ownSeconds(engine: Engine): number {
    if (engine !== this.#docker) return 0;
    const files = [this.#folder.at("pid"), this.#folder.at("exec/containerd/containerd.pid")];
    return files.reduce((sum, file) => sum + secondsOf(readFileSync(file, "utf8").trim()), 0);
  }
}

/** Of the processors' time, by a process and its threads. Source: proc_pid_stat(5), utime and stime in hundredths. */
function secondsOf(pid: string): number {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function parentOf(pid: string): string {
  return statOf(pid)[1] ?? "";
}

/** From the third field on, which comes after the name. */
function statOf(pid: string): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** In kilobytes: all processes of this machine whose program is called `name`. */
function pssOf(name: string): number {
  const pids = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid));
  const own = pids.filter((pid) => {
    try {
      return readFileSync(join("/proc", pid, "comm"), "utf8").startsWith(name.slice(0, 15));
    } catch {
      return false; // it has just ended
    }
  });
  return own.reduce((sum, pid) => sum + proportionalSize(pid), 0);
}
