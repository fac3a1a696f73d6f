/** Commands at once, and commands beside what hangs, is full or is little. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { busyboxLayer, pushLayers } from "../integration/support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "../integration/support/registry.ts";
import { run, TEU } from "../integration/teu.ts";
import { needs, program, root } from "../support/needs.ts";

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
  const noise = Buffer.alloc(3 << 20);
  for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at);
  await pushLayers(image, [busyboxLayer(), { noise: noise.toString("base64") }]);
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** A server in front of the registry that counts what of each blob was asked for, and gives it slowly. */
function counting() {
  const asked = new Map<string, number>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const answer = await fetch(`http://${registry.address}${pathname}`, {
        headers: request.headers,
        method: request.method,
        redirect: "manual",
      });
      if (request.method !== "GET" || !pathname.includes("/blobs/")) return answer;
      asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
      const { body } = answer;
      if (body === null) return answer;
      const slow = async function* () {
        for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
          yield chunk;
          await Bun.sleep(15);
        }
      };
      return new Response(slow as unknown as ReadableStream, {
        status: answer.status,
        headers: answer.headers,
      });
    },
  });
  return { address: `127.0.0.1:${server.port}`, asked, [Symbol.dispose]: () => void server.stop(true) };
}

describe("ten pulls of one image at once", () => {
  test("are one download", async () => {
    await using own = new Store();
    using front = counting();
    const pulls = Array.from({ length: 10 }, () => own.teu("pull", "--quiet", `${front.address}/test/box`));
    for (const { status, stderr } of await Promise.all(pulls)) expect([stderr, status]).toEqual(["", 0]);
    expect([...front.asked.values()]).toEqual(Array.from(front.asked, () => 1));
    expect(await own.done("system", "check")).not.toContain("broken");
  });

  test("go on when the one that downloads is killed", async () => {
    await using own = new Store();
    using front = counting();
    const name = `${front.address}/test/box`;
    const first = Bun.spawn([TEU, "pull", "--quiet", name], {
      env: { ...own.env },
      stdio: ["ignore", "ignore", "ignore"],
    });
    for (let times = 0; times < 500 && front.asked.size < 2; times++) await Bun.sleep(5);
    const others = Array.from({ length: 4 }, () => own.teu("pull", "--quiet", name));
    await Bun.sleep(60);
    first.kill("SIGKILL");
    for (const { status, stderr } of await Promise.all(others)) expect([stderr, status]).toEqual(["", 0]);
    for (const times of front.asked.values()) expect(times).toBeLessThanOrEqual(2);
  });
});

test("of two runs of one name at once one wins, and the other leaves nothing", async () => {
  for (let round = 0; round < 5; round++) {
    const runs = Array.from({ length: 4 }, () =>
      store.teu("run", "-d", "--network", "none", "--name", "one", image, "sleep", "1000"),
    );
    const results = await Promise.all(runs);
    const losers = results.filter(({ status }) => status !== 0);
    expect(losers).toHaveLength(3);
    for (const { status, stderr } of losers) {
      expect(status).toBe(125);
      expect(stderr).toMatch(
        /^teu: Conflict\. The container name "\/one" is already in use by container .*\n$/,
      );
    }
    expect((await store.done("ps", "-aq")).trim().split("\n")).toHaveLength(1);
    await store.done("rm", "-f", "one");
  }
});

test("a runtime that hangs holds up nobody else, and its container can be removed", async () => {
  const path = store.path("hanging-runtime");
  writeFileSync(path, '#!/bin/sh\ncase "$*" in *create*) exec sleep 1000 ;; *) exit 0 ;; esac\n');
  chmodSync(path, 0o755);
  await store.done("run", "-d", "--network", "none", "--name", "fine", image, "sleep", "1000");
  const hanging = Bun.spawn(
    [TEU, "run", "-d", "--network", "none", "--name", "stuck", "--runtime", path, image, "true"],
    {
      env: { ...store.env },
      stdio: ["ignore", "ignore", "ignore"],
    },
  );
  const names = async () =>
    (await store.done("ps", "-a", "--format", "{{.Names}}")).trim().split("\n").sort();
  for (let times = 0; times < 300 && (await names()).length < 2; times++) await Bun.sleep(10);
  const begin = performance.now();
  expect(await names()).toEqual(["fine", "stuck"]);
  expect((await store.teu("inspect", "stuck")).status).toBe(0);
  expect(await store.done("exec", "fine", "echo", "here")).toBe("here\n");
  expect((await store.teu("logs", "fine")).status).toBe(0);
  expect(performance.now() - begin).toBeLessThan(10_000);
  hanging.kill("SIGKILL");
  await hanging.exited;
  await store.done("rm", "-f", "fine");
  await store.teu("rm", "-f", "stuck");
  expect(await store.done("ps", "-aq")).toBe("");
});

test("a runtime that hangs at everything, or is gone, holds up nobody else, and its container can be removed", async () => {
  const path = store.path("dead-runtime");
  writeFileSync(path, "#!/bin/sh\nexec sleep 1000\n");
  chmodSync(path, 0o755);
  const words = ["run", "-d", "--network", "none", "--name", "dead", "--runtime", path, image, "true"];
  const hanging = Bun.spawn([TEU, ...words], {
    env: { ...store.env },
    stdio: ["ignore", "ignore", "ignore"],
  });
  const names = async () => (await store.done("ps", "-a", "--format", "{{.Names}}")).trim();
  for (let times = 0; times < 300 && (await names()) === ""; times++) await Bun.sleep(10);
  hanging.kill("SIGKILL");
  await hanging.exited;
  const begin = performance.now();
  expect(await names()).toBe("dead");
  expect(await store.done("run", "--rm", "--network", "none", image, "echo", "fine")).toBe("fine\n");
  expect(performance.now() - begin).toBeLessThan(12_000);
  rmSync(path); // now it is gone, and another one is at the removal
  await store.teu("rm", "-f", "dead");
  expect(await names()).toBe("");
}, 60_000);

test("a low limit of open files is enough, or one error, and nothing is left", async () => {
  for (const limit of [16, 20, 24, 28, 32, 36, 40, 64, 512]) {
    const words = [TEU, "run", "--rm", "--network", "none", image, "echo", "fine"];
    const limited = ["sh", "-c", `ulimit -n ${limit} && exec "$@"`, "sh", ...words];
    const ended = await run(["timeout", "20", ...limited], { env: { ...store.env } });
    const what = `ulimit -n ${limit}: ${ended.stderr}`;
    if (ended.status === 0 || limit >= 64) expect(ended, what).toMatchObject({ status: 0, stdout: "fine\n" });
    else {
      expect(ended.status, what).toBe(125);
      expect(ended.stderr).toMatch(/^teu: [^\n]*too many open files\n$/);
    }
    expect(await store.done("ps", "-aq"), what).toBe("");
  }
  expect(await store.done("system", "check")).toBe("Everything is right\n");
});

describe("a disk that is full", () => {
  test("of logs does not hold a container up; what was lost is told when there is room", async () => {
    await using own = new Store();
    const { mkdirSync } = await import("node:fs");
    await own.done("pull", "--quiet", image);
    mkdirSync(`${own.folder}/root/containers`, { recursive: true });
    const mounted = await run([
      "mount",
      "-t",
      "tmpfs",
      "-o",
      "size=192k",
      "tmpfs",
      `${own.folder}/root/containers`,
    ]);
    expect(mounted.status).toBe(0);
    try {
      const script = "seq 1 100000; until [ -e /more ]; do sleep 0.02; done; echo more; sleep 1000";
      await own.done("run", "-d", "--network", "none", "--name", "loud", image, "sh", "-c", script);
      // The script has gone on to its next word.
      const counts = async () => (await own.teu("top", "loud")).stdout.includes(" seq 1 100000\n");
      for (let times = 0; times < 300 && (await counts()); times++) await Bun.sleep(20);
      expect(await counts()).toBe(false);
      await run(["mount", "-o", "remount,size=64m", `${own.folder}/root/containers`]);
      await own.done("exec", "loud", "touch", "/more");
      const log = async () => await own.done("logs", "--tail", "5", "loud");
      for (let times = 0; times < 300 && !(await log()).includes("more"); times++) await Bun.sleep(20);
      expect(await log()).toContain("more\n");
      const { stderr } = await own.teu("logs", "loud");
      expect(stderr).toMatch(/teu: \d+ bytes of the log were lost: it could not be written/);
      await own.done("rm", "-f", "loud");
    } finally {
      await own.teu("rm", "-f", "loud");
      await run(["umount", "-l", `${own.folder}/root/containers`]);
    }
  });
});
