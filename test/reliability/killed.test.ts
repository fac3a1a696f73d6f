/**
 * Containers, volumes, networks and names of images are made, used and removed by several processes at once, and any of them, or a monitor, or the
 * name server, is killed at any moment. Afterwards everything that was acknowledged is told of, down to the lines of logs; `system check`
 * finds nothing, everything can be removed, and nothing is left: no process, mount, cgroup, device, rule or directory.
 *
 *   TEU_RELIABILITY_KILLS=2000 bun scripts/test.ts test/reliability
 */
import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { busyboxLayer, pushLayers } from "../integration/support/make-image.ts";
import { OwnNetwork } from "../integration/support/own-network.ts";
import { Store, startRegistry } from "../integration/support/registry.ts";
import { TEU } from "../integration/teu.ts";
import { needs, program, root } from "../support/needs.ts";

const KILLS = Number(process.env["TEU_RELIABILITY_KILLS"] ?? 500);
const WORKERS = 6;
const PATIENCE_MS = 60_000;

/** Numbers from a seed, so that a run can be repeated as far as the kernel repeats itself. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state ^ (state >>> 13)) % below;
  };
}

/** What the workers have in common. */
interface Driver {
  readonly store: Store;
  readonly network: OwnNetwork;
  readonly image: string;
  readonly random: (below: number) => number;
  /** IDs that `run -d` printed: acknowledged, and by name. */
  readonly acknowledged: Map<string, string>;
  /** IDs of containers whose log has shown its line. */
  readonly logged: Set<string>;
  /** Volumes and names of the image that commands said they made. */
  readonly volumes: Set<string>;
  readonly tags: Set<string>;
  kills: number;
  /** Containers that a command said it started. */
  started: number;
}

/** Runs a command of teu, and perhaps kills it on the way. @returns its output, if it came to its end */
async function attempt(driver: Driver, words: readonly string[]): Promise<string | undefined> {
  const { network, store, random } = driver;
  const child = Bun.spawn([...network.host, TEU, ...words], {
    cwd: "/",
    env: { ...store.env, PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "ignore"],
    timeout: PATIENCE_MS,
    killSignal: "SIGABRT",
  });
  if (random(2) === 0) {
    await Bun.sleep(random(100));
    child.kill("SIGKILL");
    driver.kills++;
  }
  const [output, status] = await Promise.all([child.stdout.text(), child.exited]);
  if (child.signalCode === "SIGABRT") throw new Error(`teu ${words.join(" ")} hung`);
  return status === 0 ? output : undefined;
}

/** Kills the monitor of some container of this store. */
function killMonitor({ store, random }: Driver): boolean {
  const state = join(store.folder, "run/runtime/teu");
  const monitors = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    const { stdout } = Bun.spawnSync(["sh", "-c", `cat /proc/${pid}/comm; ls -l /proc/${pid}/fd`], {
      stderr: "ignore",
    });
    const text = stdout.toString();
    return text.startsWith("teu-monitor\n") && text.includes(store.folder);
  });
  const pid = Number(monitors[random(Math.max(1, monitors.length))] ?? 0);
  if (pid === 0 || readdirSync(state).length === 0) return false;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return false; // it has just ended by itself
  }
  return true;
}

/** Kills the store's name server, if it has one. */
function killNameServer({ store }: Driver): boolean {
  const found = readdirSync("/proc").find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    const { stdout } = Bun.spawnSync(["sh", "-c", `cat /proc/${pid}/cmdline /proc/${pid}/environ`], {
      stderr: "ignore",
    });
    const text = stdout.toString();
    return text.includes("\0name-server\0") && text.includes(store.folder);
  });
  if (found === undefined) return false;
  try {
    process.kill(Number(found), "SIGKILL");
  } catch {
    return false; // it has just ended by itself
  }
  return true;
}

async function work(driver: Driver, worker: number): Promise<void> {
  const { random, acknowledged, logged, volumes, tags, image } = driver;
  while (driver.kills < KILLS) {
    const name = `w${worker}-${random(3)}`;
    switch (random(14)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const network = [[], ["--network", "none"], ["--network", `net-${random(2)}`]][random(3)] ?? [];
        const volume = [[], ["-v", `${name}-data:/v`], ["-v", "/v"]][random(3)] ?? [];
        const script = random(2) === 0 ? "echo up; sleep 1000" : "echo up; exit 3";
        const words = ["--name", name, ...network, ...volume, image, "sh", "-c", script];
        const id = await attempt(driver, ["run", "-d", ...words]);
        if (id === undefined) break;
        acknowledged.set(name, id.trim());
        driver.started++;
        break;
      }
      case 4:
        // Half a removal is a removal: what was acknowledged of it is the attempt.
        acknowledged.delete(name);
        await attempt(driver, ["rm", "-f", ...(random(2) === 0 ? ["-v"] : []), name]);
        break;
      case 5:
        await attempt(driver, ["stop", "-t", "0", name]);
        break;
      case 6:
        await attempt(driver, ["start", name]);
        break;
      case 7:
        await attempt(driver, ["exec", name, "true"]);
        break;
      case 8: {
        const id = acknowledged.get(name);
        if ((await attempt(driver, ["logs", id ?? name]))?.includes("up") && id !== undefined) logged.add(id);
        break;
      }
      case 9:
        if ((await attempt(driver, ["volume", "create", `${name}-data`])) !== undefined)
          volumes.add(`${name}-data`);
        break;
      case 10:
        volumes.delete(`${name}-data`);
        await attempt(driver, ["volume", "rm", `${name}-data`]);
        break;
      case 11:
        if (random(2) === 0) {
          if ((await attempt(driver, ["tag", image, `tag/${name}`])) !== undefined) tags.add(`tag/${name}`);
        } else {
          tags.delete(`tag/${name}`);
          await attempt(driver, ["rmi", `tag/${name}`]);
        }
        break;
      case 12:
        await attempt(driver, [
          "network",
          random(2) === 0 ? "connect" : "disconnect",
          `net-${random(2)}`,
          name,
        ]);
        break;
      default:
        if (random(2) === 0 ? killMonitor(driver) : killNameServer(driver)) driver.kills++;
        await attempt(driver, ["ps", "-a"]);
    }
  }
}

needs(
  root,
  program("busybox"),
  program("nft"),
  program("nsenter"),
)(
  `${KILLS} kills at any moment lose nothing and leave nothing`,
  async () => {
    const seed = Number(process.env["TEU_RELIABILITY_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`TEU_RELIABILITY_SEED=${seed}`);
    using network = new OwnNetwork();
    await using store = new Store(network.host);
    const image = "test/box";
    {
      await using registry = await startRegistry();
      const from = `${registry.address}/${image}`;
      await pushLayers(from, [busyboxLayer()]);
      await using plain = new Store();
      await plain.done("pull", "--quiet", from);
      await plain.done("tag", from, image);
      await plain.done("save", "-o", plain.path("box.tar"), image);
      await store.done("load", "--quiet", "-i", plain.path("box.tar"));
      for (const name of ["net-0", "net-1"]) await store.done("network", "create", name);
    }
    const driver: Driver = {
      store,
      network,
      image,
      random: randomFrom(seed),
      acknowledged: new Map(),
      logged: new Set(),
      volumes: new Set(),
      tags: new Set(),
      kills: 0,
      started: 0,
    };
    await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(driver, worker)));
    // Else nothing was there to be lost.
    expect(driver.started).toBeGreaterThan(0);

    const told = JSON.parse(await store.done("ps", "-a", "--json")) as {
      id: string;
      name: string;
      phase: string;
    }[];
    for (const [name, id] of driver.acknowledged)
      expect(
        told.map((container) => container.id),
        name,
      ).toContain(id);
    const kept = (await store.done("volume", "ls", "-q")).split("\n");
    for (const volume of driver.volumes) expect(kept).toContain(volume);
    const images = await store.done("images");
    for (const tag of driver.tags) expect(images).toContain(tag);
    for (const { id } of told)
      if (driver.logged.has(id)) expect(await store.done("logs", id), id).toContain("up");
    expect(await store.done("system", "check")).toBe("Everything is right\n");
    for (const { id, phase } of told)
      if (phase === "running") expect(await store.done("exec", id, "echo", "here")).toBe("here\n");
    if (told.length > 0) await store.done("rm", "-f", ...told.map(({ id }) => id));
    expect(await store.done("ps", "-aq")).toBe("");
    for (const folder of ["run/containers", "run/runtime/teu", "root/containers"])
      expect(readdirSync(join(store.folder, folder)), folder).toEqual([]);
    await store.done("network", "prune");
    await store.done("volume", "prune", "--all");
    expect(readdirSync(join(store.folder, "root/volumes/default"))).toEqual([]);
    const { stdout } = Bun.spawnSync([...network.host, "sh", "-c", "ip -o link; nft list ruleset"]);
    expect(stdout.toString()).not.toMatch(/teu|veth/);
    expect(await store.done("system", "check")).toBe("Everything is right\n");
    // Disposing of the store looks for processes, mounts and cgroups.
  },
  KILLS * 2000 + PATIENCE_MS,
);
