/** Health checks, what follows them, the supervisor that is there while it is needed, and the units of systemd that stand for it. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { TEU } from "./teu.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

let registry: RegistryProcess;
let store: Store;
let image: string;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/test/box`;
  await pushLayers(image, [busyboxLayer()]);
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const start = (name: string, ...flags: string[]) =>
  store.done(...["run", "-d", "--network", "none", "--name", name, ...flags, image, "sleep", "1000"]);
const inspect = async (name: string) => JSON.parse(await store.done("inspect", name))[0];
const healthOf = async (name: string) => (await inspect(name)).State.Health;

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 10_000; !(await isSo()); await Bun.sleep(20))
    if (Date.now() > end) throw new Error(`waited for ${what}`);
}

/** The processes that supervise this store. */
function supervisors(): number[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      const line = readFileSync(`/proc/${name}/cmdline`, "utf8");
      const isOurs = readFileSync(`/proc/${name}/environ`, "utf8").includes(store.folder);
      return line.includes("serve\0--while-needed") && isOurs ? [Number(name)] : [];
    } catch {
      return []; // no process, or none any more
    }
  });
}

describe("a health check", () => {
  test("says how a container is: starting, healthy, unhealthy; in ps, inspect and events", async () => {
    const since = `${Date.now() / 1000}`;
    await start(
      "web",
      "--health-cmd",
      "echo said; test -e /well",
      "--health-interval",
      "100ms",
      "--health-retries",
      "2",
    );
    expect(await store.done("ps", "--format", "{{.Status}}")).toMatch(/\((health: starting|unhealthy)\)/);
    await until(async () => (await healthOf("web")).Status === "unhealthy", "unhealthy");
    const { FailingStreak, Log } = await healthOf("web");
    expect(FailingStreak).toBeGreaterThanOrEqual(2);
    expect(Log[0]).toMatchObject({ ExitCode: 1, Output: "said\n" });
    await store.done("exec", "web", "touch", "/well");
    await until(async () => (await healthOf("web")).Status === "healthy", "healthy");
    expect(await store.done("ps", "--format", "{{.Status}}")).toContain("(healthy)");
    expect(await store.done("ps", "-q", "--filter", "health=healthy")).not.toBe("");
    expect(await store.done("ps", "-q", "--filter", "health=unhealthy")).toBe("");
    const told = ["--since", since, "--until", "0s", "--filter", "event=health_status"];
    const events = await store.done("events", ...told, "--format", "{{.Action}}");
    expect(events).toBe("health_status: unhealthy\nhealth_status: healthy\n");
    expect(supervisors()).toHaveLength(1);
    await store.done("rm", "-f", "web");
    await until(async () => supervisors().length === 0, "the supervisor's end");
  });

  test("that takes too long is killed and has failed; what it leaves running holds nobody up", async () => {
    await start(
      "slow",
      "--health-cmd",
      "sleep 100",
      "--health-timeout",
      "100ms",
      "--health-interval",
      "50ms",
      "--health-retries",
      "1",
    );
    await until(async () => (await healthOf("slow")).Status === "unhealthy", "unhealthy");
    expect((await healthOf("slow")).Log.at(-1)).toMatchObject({
      ExitCode: -1,
      Output: "Health check exceeded timeout (0.1s)",
    });
    await start("leaves", "--health-cmd", "sleep 100 & echo on", "--health-interval", "50ms");
    await until(async () => (await healthOf("leaves")).Status === "healthy", "healthy");
    await store.done("rm", "-f", "slow", "leaves");
  });

  test("keeps the first 4096 bytes, and the last five results", async () => {
    await start("loud", "--health-cmd", "yes | head -c 100000", "--health-interval", "30ms");
    await until(async () => (await healthOf("loud")).Log.length === 5, "five results");
    await Bun.sleep(200);
    const { Log } = await healthOf("loud");
    expect(Log).toHaveLength(5);
    expect(Log[0].Output).toBe("y\n".repeat(2048));
    await store.done("rm", "-f", "loud");
  });

  test("does not count failures of the start period, and looks more often in it", async () => {
    await start(
      "slow-start",
      ...["--health-cmd", "test -e /well", "--health-interval", "1h", "--health-retries", "1"],
      ...["--health-start-period", "1h", "--health-start-interval", "50ms"],
    );
    await until(async () => (await healthOf("slow-start")).Log.length >= 3, "three results");
    expect((await healthOf("slow-start")).Status).toBe("starting");
    await store.done("exec", "slow-start", "touch", "/well");
    await until(async () => (await healthOf("slow-start")).Status === "healthy", "healthy");
    await store.done("rm", "-f", "slow-start");
  });

  test("goes on when the supervisor is killed: the next command sends another", async () => {
    await start("kept", "--health-cmd", "true", "--health-interval", "50ms");
    await until(async () => (await healthOf("kept")).Status === "healthy", "healthy");
    for (const pid of supervisors()) process.kill(pid, "SIGKILL");
    await until(async () => supervisors().length === 0, "its end");
    const last = (await healthOf("kept")).Log.at(-1).End; // this command sends one
    await until(async () => (await healthOf("kept")).Log.at(-1).End > last, "one more result");
    expect(supervisors()).toHaveLength(1);
    await store.done("rm", "-f", "kept");
  });

  test("is done by hand, with podman's exit statuses", async () => {
    await start("by-hand", "--health-cmd", "test -e /well", "--health-interval", "1h");
    expect(await store.teu("healthcheck", "run", "by-hand")).toMatchObject({
      status: 1,
      stdout: "unhealthy\n",
    });
    await store.done("exec", "by-hand", "touch", "/well");
    expect((await store.teu("healthcheck", "run", "by-hand")).status).toBe(0);
    expect((await healthOf("by-hand")).Status).toBe("healthy");
    await start("unchecked");
    expect((await store.teu("healthcheck", "run", "unchecked")).stderr).toContain(
      "has no defined healthcheck",
    );
    await store.done("rm", "-f", "by-hand", "unchecked");
  });

  test("begins anew with its container", async () => {
    await start("again", "--health-cmd", "true", "--health-interval", "50ms");
    await until(async () => (await healthOf("again")).Status === "healthy", "healthy");
    await store.done("restart", "-t", "0", "again");
    await until(async () => (await healthOf("again")).Status === "healthy", "healthy once more");
    await store.done("stop", "-t", "0", "again");
    expect(await store.done("ps", "-a", "--format", "{{.Status}}")).toStartWith("Exited (137)");
    await store.done("rm", "again");
  });
});

describe("--health-on-failure", () => {
  const SICK = ["--health-cmd", "false", "--health-interval", "100ms", "--health-retries", "1"];

  test("stop stops it, kill kills it, and a restart policy goes on from there", async () => {
    await start("stopped", ...SICK, "--health-on-failure", "stop", "--stop-timeout", "0");
    await start("killed", ...SICK, "--health-on-failure", "kill", "--restart", "on-failure:1");
    await until(async () => (await inspect("stopped")).State.Status === "exited", "its end");
    await until(async () => (await inspect("killed")).RestartCount === 1, "its second start");
    await until(async () => (await inspect("killed")).State.Status === "exited", "its last end");
    await store.done("rm", "-f", "stopped", "killed");
  });

  test("restart begins anew, and the check decides again", async () => {
    const script = "test -e /second || { touch /second; exit 1; }";
    await start("renewed", ...SICK.with(1, script), "--health-on-failure", "restart", "--stop-timeout", "0");
    const { StartedAt } = (await inspect("renewed")).State;
    await until(async () => (await healthOf("renewed")).Status === "healthy", "healthy");
    expect((await inspect("renewed")).State.StartedAt > StartedAt).toBe(true);
    await store.done("rm", "-f", "renewed");
  });
});

/** Nothing followed: the container's own checks found it unhealthy already. */
test("a check by hand that makes a container unhealthy has the same follow", async () => {
  const sick = ["--health-cmd", "test ! -e /sick", "--health-interval", "1h", "--health-retries", "1"];
  await start("asked", ...sick, "--health-on-failure", "kill");
  await store.done("healthcheck", "run", "asked");
  await store.done("exec", "asked", "touch", "/sick");
  expect(await store.teu("healthcheck", "run", "asked")).toMatchObject({ status: 1, stdout: "unhealthy\n" });
  await until(async () => (await inspect("asked")).State.ExitCode === 137, "its end");
  await store.done("rm", "asked");
});

describe("teu serve", () => {
  test("by hand serves until it is asked to end, and takes over from one that was started by itself", async () => {
    await start("served", "--health-cmd", "true", "--health-interval", "50ms");
    const [own = 0] = supervisors();
    const child = Bun.spawn([TEU, "serve"], { env: { ...store.env }, stdio: ["ignore", "ignore", "pipe"] });
    process.kill(own, "SIGKILL");
    const last = (await healthOf("served")).Log.at(-1)?.End ?? "";
    await until(async () => ((await healthOf("served")).Log.at(-1)?.End ?? "") > last, "one more result");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    await store.done("rm", "-f", "served");
    await until(async () => supervisors().length === 0, "the end of all");
  });

  const withAnalyze = needs(...WANTED, program("systemd-analyze"));
  withAnalyze("its unit, and that of one container, are what systemd takes", async () => {
    await start("a-unit");
    for (const [name, words] of [
      ["teu-all.service", []],
      ["teu-one.service", ["--time", "3", "a-unit"]],
    ] as const) {
      const text = await store.done("generate", "systemd", ...words);
      const path = join(store.folder, name);
      writeFileSync(path, text);
      const { stderr, exitCode } = Bun.spawnSync(["systemd-analyze", "verify", path]);
      expect(stderr.toString()).not.toContain(name);
      expect(exitCode).toBe(0);
      expect(text).toContain(`Environment=TEU_ROOT=${store.env["TEU_ROOT"]}`);
    }
    await store.done("rm", "-f", "a-unit");
    expect((await store.teu("generate", "systemd", "nothing")).stderr).toBe(
      "teu: No such container: nothing\n",
    );
  });
});
