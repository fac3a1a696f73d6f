/** `teu events`: everything that happens is told, in order, to whoever asks later and to whoever listens. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
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
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const PAST = ["events", "--since", "1h", "--until", "0s"];
const past = async (...words: string[]): Promise<string[]> =>
  (await store.done(...PAST, "--format", "{{.Type}} {{.Action}}", ...words)).trimEnd().split("\n");

test("what has happened is told in order, also what nobody waited for", async () => {
  await store.teu("run", "--rm", "--network", "none", "-v", "/v", image, "sh", "-c", "exit 3");
  const all = await past();
  expect([...all].sort()).toEqual(
    [
      ...["image pull", "container create", "container attach", "container start", "container die"],
      ...["container destroy", "network connect", "network disconnect"],
      ...["volume create", "volume mount", "volume unmount", "volume destroy"],
    ].sort(),
  );
  expect(all.filter((line) => line.startsWith("container"))).toEqual(
    ["create", "attach", "start", "die", "destroy"].map((action) => `container ${action}`),
  );
  const run = ["run", "-d", "--name", "told", "-l", "a=b", "--network", "none", image, "sleep", "1000"];
  const id = (await store.done(...run)).trim();
  await store.done("pause", "told");
  await store.done("unpause", "told");
  await store.done("rename", "told", "retold");
  await store.done("stop", "-t", "0", "retold");
  await store.done("rm", "retold");
  expect(await past("--filter", `container=${id}`)).toEqual(
    ["create", "start", "pause", "unpause", "rename", "kill", "kill", "die", "stop", "destroy"].map(
      (action) => `container ${action}`,
    ),
  );
  const forced = (await store.done("run", "-d", "--network", "none", image, "sleep", "1000")).trim();
  await store.done("rm", "-f", forced);
  expect(await past("--filter", `container=${forced}`)).toEqual(
    ["create", "start", "kill", "die", "destroy"].map((action) => `container ${action}`),
  );
  expect(await past("--filter", "label=a=b", "--filter", "event=die")).toEqual(["container die"]);
  const [line = ""] = (await store.done(...PAST, "--filter", "event=die")).split("\n");
  expect(line).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z container die [0-9a-f]{64} \(exitCode=3, image=.*, name=.*\)$/,
  );
  await store.done("network", "create", "told");
  await store.done("network", "rm", "told");
  expect((await past("--filter", "type=network")).slice(-2)).toEqual(["network create", "network destroy"]);
  expect((await store.teu("events", "--filter", "colour=red")).stderr).toContain(
    "invalid filter 'colour=red'",
  );
});

test("who listens hears at once, and ends when interrupted", async () => {
  const child = Bun.spawn([TEU, "events", "--format", "{{.Action}} {{.Actor.ID}}"], {
    env: { ...store.env },
    stdout: "pipe",
  });
  const reader = child.stdout.getReader();
  let heard = "";
  const until = async (text: string): Promise<void> => {
    while (!heard.includes(text)) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`it ended, and had told: ${heard}`);
      heard += new TextDecoder().decode(value);
    }
  };
  // It listens when it tells of what happens: until then something happens again and again.
  let count = 0;
  const chatter = setInterval(() => void store.teu("volume", "create", `chatter-${++count}`), 300);
  await until("create chatter-");
  clearInterval(chatter);
  await store.done("volume", "create", "heard");
  await until("create heard\n");
  child.kill("SIGINT");
  expect(await child.exited).toBe(0);
  await store.done("volume", "prune", "--all");
});

// One of them is told in the records, the other beside them.
test("who listens hears in order what changes records and what does not", async () => {
  await store.done("run", "-d", "--name", "both", "--network", "none", image, "sleep", "1000");
  const child = Bun.spawn([TEU, "events", "--filter", "container=both", "--format", "{{.Action}}"], {
    env: { ...store.env },
    stdout: "pipe",
  });
  const reader = child.stdout.getReader();
  let heard = "";
  const until = async (isHeard: () => boolean): Promise<void> => {
    while (!isHeard()) heard += new TextDecoder().decode((await reader.read()).value);
  };
  const chatter = setInterval(() => void store.teu("top", "both"), 300);
  await until(() => heard.includes("top\n"));
  clearInterval(chatter);
  for (const _ of [1, 2, 3]) {
    await store.done("pause", "both");
    await store.done("unpause", "both");
    await store.done("exec", "both", "true");
  }
  await until(() => heard.split("exec_die\n").length > 3);
  child.kill("SIGINT");
  await child.exited;
  const once = "pause\nunpause\nexec_create: true \nexec_start: true \nexec_die\n";
  expect(heard.replaceAll("top\n", "")).toBe(once.repeat(3));
  await store.done("rm", "-f", "both");
});

// Docker's do so too: the supervisor runs them.
test("programs of health checks are told of", async () => {
  const check = ["--health-cmd", "true", "--health-interval", "1h"];
  await store.done("run", "-d", "--name", "checked", "--network", "none", ...check, image, "sleep", "1000");
  await store.done("healthcheck", "run", "checked");
  const told = (await past("--filter", "container=checked")).filter((line) => line.includes("exec_"));
  expect(told.slice(0, 3)).toEqual([
    "container exec_create: /bin/sh -c true",
    "container exec_start: /bin/sh -c true",
    "container exec_die",
  ]);
  await store.done("rm", "-f", "checked");
});

describe("the end of what exec -d left alone is told by the container's monitor", () => {
  const end = "{{.Actor.ID}} {{.Action}} {{.Actor.Attributes.execID}} {{.Actor.Attributes.exitCode}}";
  /** Of all that has been started in `name`: status by execID, when `count` ends have been told. */
  const ends = async (name: string, count: number): Promise<Map<string, string>> => {
    const told = async () =>
      (await past("--filter", `container=${name}`, "--format", end)).map((line) => line.split(" "));
    const isEnd = (words: readonly string[]) => words[1] === "exec_die";
    while ((await told()).filter(isEnd).length < count) await Bun.sleep(20);
    return new Map((await told()).filter(isEnd).map(([, , execID = "", status = ""]) => [execID, status]));
  };
  const run = async (name: string, ...flags: string[]) =>
    await store.done("run", "-d", "--name", name, "--network", "none", ...flags, image, "sleep", "1000");

  test("with its status, in the order in which they end", async () => {
    await run("left", "--label", "exitCode=label");
    await store.done("exec", "-d", "left", "sh", "-c", "sleep 0.3; exit 5");
    await store.done("exec", "-d", "left", "true");
    await store.done("exec", "-d", "left", "sh", "-c", "kill -9 $$");
    expect((await store.teu("exec", "-d", "left", "none")).status).toBe(127);
    const told = await ends("left", 3);
    expect([...told.values()].sort()).toEqual(["0", "137", "5"]);
    // Each is one that was begun.
    const begun = await past(
      "--filter",
      "container=left",
      "--filter",
      "event=exec_start",
      "--format",
      "{{.Actor.Attributes.execID}}",
    );
    expect(begun).toEqual(expect.arrayContaining([...told.keys()]));
    await store.done("rm", "-f", "left");
  });

  test.each([[], ["--pid", "host"]])("when it ends with the container, %p", async (...flags) => {
    const name = `ending${flags.length}`;
    await run(name, ...flags);
    await store.done("exec", "-d", name, "sleep", "1000");
    await store.done("exec", "-d", name, "sh", "-c", "sleep 1000");
    const pid = Number(await store.done("inspect", "-f", "{{.State.Pid}}", name));
    process.kill(pid, "SIGKILL");
    await store.done("wait", name);
    expect([...(await ends(name, 2)).values()]).toEqual(["137", "137"]);
    await store.done("rm", name);
  });

  needs(...WANTED, program("runc"))("under another runtime", async () => {
    await run("foreign", "--runtime", Bun.which("runc") ?? "");
    await store.done("exec", "-d", "foreign", "sh", "-c", "exit 6");
    await store.done("exec", "-d", "foreign", "sh", "-c", "sleep 0.3; exit 7");
    expect([...(await ends("foreign", 2)).values()]).toEqual(["6", "7"]);
    await store.done("rm", "-f", "foreign");
  });
});

// Whoever cleans up tells of it.
test("an end that nobody saw is told too", async () => {
  const run = ["run", "-d", "--name", "killed", "--network", "none", image, "sleep", "1000"];
  const id = (await store.done(...run)).trim();
  process.kill(Number(await store.done("inspect", "-f", "{{.State.Pid}}", "killed")), "SIGKILL");
  await store.done("wait", "killed");
  expect(await past("--filter", `container=${id}`, "--filter", "event=die")).toEqual(["container die"]);
  await store.done("rm", "killed");
});
