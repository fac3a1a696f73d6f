/**
 * Programs that people really run, from Debian's packages: nginx under load on a published port, and PostgreSQL on a volume whose every
 * acknowledged row is there after all of ours was killed, after a restart, and after teu was replaced while it ran.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { copyFileSync, readdirSync, readFileSync, readlinkSync, renameSync } from "node:fs";
import { join } from "node:path";
import { OwnNetwork } from "../integration/support/own-network.ts";
import { Store } from "../integration/support/registry.ts";
import { run, TEU } from "../integration/teu.ts";
import { needs, program, root } from "../support/needs.ts";

const WANTED = [root, program("apt-get"), program("wrk"), program("nft"), program("nsenter")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

const PORT = "8123";
const NGINX = ["nginx", "-g", "daemon off;"];
const DATA = "/var/lib/postgresql/data";
/** As the scripts of images do: the first start makes the database. The server listens to the whole network. */
const POSTGRES = `
  test -e ${DATA}/PG_VERSION || { initdb -D ${DATA} && echo 'host all all 0.0.0.0/0 trust' >>${DATA}/pg_hba.conf; } >/dev/null 2>&1
  exec postgres -D ${DATA} -h 0.0.0.0`;

let network: OwnNetwork;
let store: Store;

beforeAll(async () => {
  if (!isAble) return;
  const made = await run([join(import.meta.dir, "../fixtures/make-servers")]);
  if (made.status !== 0) throw new Error(made.stderr);
  network = new OwnNetwork();
  store = new Store(network.host);
  const path = "PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  await store.done("import", "--change", `ENV ${path}`, made.stdout.trim(), "servers");
}, 300_000);
afterAll(async () => {
  if (!isAble) return;
  await store.done("network", "prune");
  await store[Symbol.asyncDispose]();
  network[Symbol.dispose]();
});

describe("nginx", () => {
  test("answers everything that wrk asks it on a published port", async () => {
    await store.done("run", "-d", "--name", "web", "-p", `${PORT}:80`, "servers", ...NGINX);
    const url = "http://192.0.2.1:8123/";
    await until(
      async () => (await network.ask(network.outside, url)).stdout === "It works.\n",
      "nginx answers",
    );
    const load = await run([...network.outside, "wrk", "-t", "1", "-c", "16", "-d", "2s", url]);
    expect(load.stdout).toMatch(/^ +\d{3,} requests in/m);
    expect(load.stdout).not.toMatch(/Socket errors|Non-2xx/);
    // nginx answers what it has begun, and its end is a clean one.
    await store.done("stop", "web");
    expect(await store.done("inspect", "--format", "{{.State.ExitCode}}", "web")).toBe("0\n");
    await store.done("rm", "web");
  });
});

describe("PostgreSQL on a volume", () => {
  /** The rows that a COMMIT acknowledged. */
  let rows = 0;
  /** The executable that the test replaces by a newer one. */
  const installed = (): string => store.path("teu");
  const teu = (...words: string[]) =>
    run([...network.host, installed(), ...words], { env: { ...store.env } });
  async function done(...words: string[]): Promise<string> {
    const { status, stdout, stderr } = await teu(...words);
    if (status !== 0) throw new Error(`teu ${words.join(" ")}: status ${status}: ${stderr}`);
    return stdout;
  }
  const sql = (text: string) => teu("exec", "-u", "postgres", "db", "psql", "-qAtc", text);
  async function insert(): Promise<boolean> {
    const { status, stdout } = await sql(`insert into t values (${rows + 1}) returning n`);
    if (status !== 0 || stdout.trim() !== String(rows + 1)) return false;
    rows++;
    return true;
  }
  const isUp = () => until(async () => (await sql("select 1")).stdout === "1\n", "PostgreSQL answers");
  /** A row whose acknowledgement was lost with the server may be there beyond. */
  async function expectRows(): Promise<void> {
    const numbers = (await sql("select n from t order by n")).stdout.trim().split("\n").map(Number);
    expect(numbers.slice(0, rows)).toEqual(Array.from({ length: rows }, (_, at) => at + 1));
    expect(numbers.length).toBeLessThanOrEqual(rows + 1);
    rows = numbers.length;
  }

  beforeAll(async () => {
    if (!isAble) return;
    copyFileSync(TEU, installed());
    await done("network", "create", "data");
    const words = ["--name", "db", "--network", "data", "-v", "rows:/var/lib/postgresql", "-u", "postgres"];
    await done("run", "-d", ...words, "--shm-size", "128m", "servers", "sh", "-c", POSTGRES);
    await isUp();
    expect((await sql("create table t (n int primary key)")).status).toBe(0);
    for (let times = 0; times < 3; times++) expect(await insert()).toBe(true);
  });

  test("is found by its name, and answers over the network", async () => {
    const words = ["--rm", "--network", "data", "servers", "psql", "-h", "db", "-U", "postgres"];
    expect(await done("run", ...words, "-Atc", "select count(*) from t")).toBe("3\n");
  });

  test("has every acknowledged row after all of ours was killed", async () => {
    for (let round = 0; round < 3; round++) {
      const writing = (async () => {
        while (await insert());
      })();
      await Bun.sleep(150 + 100 * round);
      const killed = killOurs(store.folder);
      expect(killed).toContain("teu-monitor");
      await writing;
      expect((await done("ps", "-a", "--format", "{{.Names}} {{.State}}")).trim()).toBe("db exited");
      expect(await done("system", "check", "--quick")).toBe("Everything is right\n");
      await done("start", "db");
      await isUp();
      await expectRows();
    }
    expect(rows).toBeGreaterThan(3);
  });

  test("has them after a restart, which it is told of in time", async () => {
    await done("restart", "db");
    await isUp();
    await expectRows();
    expect((await teu("logs", "db")).stderr).toContain("received smart shutdown request");
  });

  test("runs on while teu is replaced, and is driven by the new one", async () => {
    const before = await done("inspect", "--format", "{{.State.Pid}}", "db");
    copyFileSync(TEU, store.path("teu.new"));
    renameSync(store.path("teu.new"), installed());
    expect(await insert()).toBe(true);
    expect(await done("inspect", "--format", "{{.State.Pid}}", "db")).toBe(before);
    const monitor = monitorsOf(store.folder)[0] ?? 0;
    expect(monitor).toBeGreaterThan(0);
    // The old one's monitor sees the end, and has the new teu do what follows.
    await done("stop", "db");
    expect(await done("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "db")).toBe(
      "exited 0\n",
    );
    await done("start", "db");
    await isUp();
    await expectRows();
    await done("rm", "-f", "db");
    await done("volume", "rm", "rows");
    await done("network", "rm", "data");
  });
});

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 30_000; ; ) {
    if (await isSo()) return;
    if (Date.now() > end) throw new Error(`in 30 s it did not come about that ${what}`);
    await Bun.sleep(50);
  }
}

/** The monitors of the store in `folder`. */
function monitorsOf(folder: string): number[] {
  return processes().flatMap(({ pid, name, about }) =>
    name === "teu-monitor" && about().includes(folder) ? [pid] : [],
  );
}

/** Kills every monitor, name server and command of the store in `folder`. @returns their names */
function killOurs(folder: string): string[] {
  const killed: string[] = [];
  for (const { pid, name, about } of processes()) {
    if (!(name.startsWith("teu") && about().includes(folder))) continue;
    try {
      process.kill(pid, "SIGKILL");
      killed.push(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  return killed;
}

/** What runs here, and a text in which the folder of its store is, if it has one. */
function processes(): { pid: number; name: string; about: () => string }[] {
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!(pid > 0)) return [];
    const name = orNothing(() => readFileSync(`/proc/${pid}/comm`, "utf8")).trim();
    const about = (): string => {
      const files = orNothing(() => readdirSync(`/proc/${pid}/fd`).join(" "));
      const opened = files.split(" ").map((file) => orNothing(() => readlinkSync(`/proc/${pid}/fd/${file}`)));
      return [...opened, orNothing(() => readFileSync(`/proc/${pid}/environ`, "utf8"))].join("\n");
    };
    return [{ pid, name, about }];
  });
}

/** Nothing, when the process is gone. */
function orNothing(read: () => string): string {
  try {
    return read();
  } catch (error) {
    // An empty name, where there are no files, is none to be read.
    if (!["ENOENT", "ESRCH", "EINVAL"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return "";
  }
}
