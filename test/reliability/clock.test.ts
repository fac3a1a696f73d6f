/**
 * The clock of the machine is set an hour back and a day forward while containers run, wait, are checked and are restarted. On a
 * machine of the tests' own alone: nobody else's clock is set.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { busyboxLayer, pushLayers } from "../integration/support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "../integration/support/registry.ts";
import { run, TEU } from "../integration/teu.ts";
import { type Need, needs, program, root } from "../support/needs.ts";

const ownClock: Need = {
  says: "a machine whose clock may be set",
  isMet: () => process.env["VM_GUEST"] !== undefined,
};
const WANTED = [root, program("busybox"), ownClock];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

const HOUR_MS = 3_600_000;
/** What takes longer than this, in an emulated machine, waits for the time of day. */
const PATIENCE_MS = 120_000;

let registry: RegistryProcess;
let store: Store;
let image: string;
let [trueTimeMs, readAtMs] = [0, 0];

beforeAll(async () => {
  if (!isAble) return;
  [trueTimeMs, readAtMs] = [Date.now(), performance.now()];
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/test/box`;
  await pushLayers(image, [busyboxLayer()]);
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await setClock(0);
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** Sets the machine's clock so far from the right time. */
async function setClock(byMs: number): Promise<void> {
  const now = trueTimeMs + performance.now() - readAtMs + byMs;
  const { status, stderr } = await run(["date", "-u", "-s", `@${(now / 1000).toFixed(3)}`]);
  if (status !== 0) throw new Error(stderr);
  expect(Math.abs(Date.now() - now)).toBeLessThan(60_000);
}

const runDetached = (name: string, ...words: string[]) =>
  store.done("run", "-d", "--network", "none", "--name", name, ...words);
const inspect = async (name: string, format: string) =>
  (await store.done("inspect", "--format", format, name)).trim();

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await isSo()); await Bun.sleep(100))
    if (performance.now() > end) throw new Error(`waited for ${what}`);
}

test("containers are restarted, checked, waited for, logged and stopped as if nothing had happened", async () => {
  await runDetached("again", "--restart", "always", image, "sh", "-c", "sleep 1; exit 1");
  await runDetached("well", "--health-cmd", "true", "--health-interval", "1s", image, "sleep", "1000");
  await runDetached("talks", image, "sh", "-c", "while :; do echo tick; sleep 0.2; done");
  const follower = Bun.spawn([TEU, "logs", "-f", "talks"], { env: { ...store.env }, stdout: "pipe" });
  const followed = follower.stdout.text();
  const restarts = async () => Number(await inspect("again", "{{.RestartCount}}"));
  const checks = () => inspect("well", "{{json .State.Health.Log}}");
  const logged = async () => (await store.done("logs", "talks")).length;
  await until(async () => (await inspect("well", "{{.State.Health.Status}}")) === "healthy", "a first check");

  for (const byMs of [-HOUR_MS, 24 * HOUR_MS]) {
    await runDetached("short", image, "sleep", "2");
    const waiting = store.done("wait", "short");
    const [restarted, checked, lines] = [await restarts(), await checks(), await logged()];
    await setClock(byMs);
    expect((await waiting).trim()).toBe("0");
    await until(async () => (await restarts()) > restarted, "a restart");
    await until(async () => (await checks()) !== checked, "another check");
    expect(await inspect("well", "{{.State.Health.Status}}")).toBe("healthy");
    await until(async () => (await logged()) > lines, "more lines");
    await store.done("rm", "short");
  }
  const begin = performance.now();
  await store.done("stop", "-t", "1", "talks", "well");
  expect(performance.now() - begin).toBeLessThan(PATIENCE_MS);
  expect(await follower.exited).toBe(0);
  expect((await followed).length).toBeGreaterThanOrEqual(await logged());
  await store.done("rm", "-f", "again", "well", "talks");
  expect(await store.done("system", "check")).toBe("Everything is right\n");
});
