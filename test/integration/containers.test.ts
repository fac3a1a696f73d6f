/** What docker's daily commands do with containers that are there: create, pause, rename, top, diff, commit, export. */
import { afterAll, afterEach, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { typeInto } from "./support/type-into.ts";
import { TEU } from "./teu.ts";

const WANTED = [root, program("busybox"), program("ps")];
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
  await pushLayers(image, [
    busyboxLayer(),
    { "data/kept": "kept\n", "data/gone": "gone\n", "data/tree/x": "x\n" },
  ]);
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});
afterEach(async () => {
  if (!isAble) return;
  const containers = (await store.done("ps", "-aq")).split("\n").filter((id) => id !== "");
  if (containers.length > 0) await store.done("rm", "-f", "-v", ...containers);
});

const start = (...words: string[]) => store.done("run", "-d", "--network", "none", ...words);
const said = async (...words: string[]) => (await store.teu(...words)).stderr;

describe("teu create", () => {
  test("makes a container that starts later, with all that was asked for", async () => {
    const words = ["create", "--name", "later", "--network", "none", "-v", "/v", "-e", "A=b", image];
    const id = (await store.done(...words, "sh", "-c", "echo $A; touch /v/x")).trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await store.done("ps", "-a")).toMatch(/Created +later/);
    expect(await store.done("ps")).not.toContain("later");
    expect(readdirSync(store.path("run/containers"))).toEqual([]);
    expect(await store.done("start", "-a", "later")).toBe("b\n");
    expect(await store.done("ps", "-a")).toMatch(/Exited \(0\) .* +later/);
    expect(await said(...words)).toContain('The container name "/later" is already in use');
  });

  test("leaves nothing of what cannot be made", async () => {
    expect(await said("create", "--user", "nobody-knows", image)).toContain("nobody-knows");
    expect(await store.done("ps", "-aq")).toBe("");
  });
});

describe("teu pause", () => {
  test("stops a container where it is, until it is unpaused or ended", async () => {
    await start("--name", "walker", image, "sh", "-c", "while true; do echo x >> /count; sleep 0.01; done");
    const read = async () => (await store.done("cp", "walker:/count", "-")).split("x").length;
    while ((await store.teu("exec", "walker", "ls", "/count")).status !== 0) await Bun.sleep(5);
    await store.done("pause", "walker");
    const before = await read();
    await Bun.sleep(50);
    expect(await read()).toBe(before);
    expect(await store.done("ps")).toContain("(Paused)");
    expect(await said("pause", "walker")).toContain("is already paused");
    expect(await said("exec", "walker", "true")).toContain("is paused, unpause the container before exec");
    await store.done("unpause", "walker");
    for (const end = Date.now() + 10_000; (await read()) === before; )
      if (Date.now() > end) throw new Error("it does not go on");
    expect(await said("unpause", "walker")).toContain("is not paused");
    await store.done("pause", "walker");
    await store.done("stop", "-t", "0", "walker");
    expect(await store.done("ps", "-a")).toMatch(/Exited/);
    expect(await said("pause", "walker")).toContain("is not running");
    await store.done("start", "walker");
    expect(await store.done("ps")).not.toContain("(Paused)");
    await store.done("pause", "walker");
    await store.done("rm", "-f", "walker");
  });
});

test("teu rename gives a container another name", async () => {
  await start("--name", "old", image, "sleep", "1000");
  await start("--name", "other", image, "sleep", "1000");
  await store.done("rename", "old", "new");
  expect(await store.done("exec", "new", "echo", "here")).toBe("here\n");
  expect(await said("exec", "old", "true")).toContain("No such container: old");
  expect(await said("rename", "new", "other")).toContain('The container name "/other" is already in use');
  expect(await said("rename", "new", "new")).toContain("same name as its current name");
  expect(await said("rename", "new", "a/b")).toContain("Invalid container name");
});

test("teu top shows the container's processes and no others", async () => {
  await start("--name", "busy", image, "sh", "-c", "sleep 1234 & exec sleep 4321");
  for (const end = Date.now() + 10_000; !(await store.done("top", "busy")).includes("sleep 1234"); )
    if (Date.now() > end) throw new Error("its processes did not come up");
  const [heading = "", ...lines] = (await store.done("top", "busy")).trimEnd().split("\n");
  expect(heading).toMatch(/UID +PID +PPID/);
  expect(lines.length).toBe(2);
  expect(await store.done("top", "busy", "-o", "pid,args")).toMatch(
    /^ *PID +COMMAND\n( *\d+ sleep \d+\n){2}$/,
  );
  expect(await said("top", "busy", "-o", "args")).toContain("Couldn't find PID field in ps output");
});

describe("what a container has written", () => {
  const SCRIPT =
    "echo new > /data/new; echo changed > /data/kept; rm /data/gone; rm -r /data/tree; mkdir /data/tree; mkdir -p /own/deep; ln -s x /own/link";
  const write = async (name: string) =>
    await store.done("run", "--name", name, "--network", "none", image, "sh", "-c", SCRIPT);

  test("is told by teu diff", async () => {
    await write("writer");
    const lines = (await store.done("diff", "writer")).trimEnd().split("\n");
    expect(lines.filter((line) => !/ \/(etc|proc|sys|dev)/.test(line))).toEqual([
      "C /data",
      "D /data/gone",
      "C /data/kept",
      "A /data/new",
      "C /data/tree",
      "A /own",
      "A /own/deep",
      "A /own/link",
    ]);
    expect(JSON.parse(await store.done("diff", "--json", "writer"))).toContainEqual({
      kind: "deleted",
      path: "/data/gone",
    });
  });

  test("becomes an image by teu commit, which others understand", async () => {
    await write("writer");
    const words = ["-a", "somebody", "-m", "by hand", "-c", 'CMD ["cat", "/data/new"]', "-c", "ENV X=y"];
    const digest = (await store.done("commit", ...words, "writer", "test/committed:1")).trim();
    expect(digest).toMatch(/^sha256:/);
    const look = "cat /data/new /data/kept; ls /data /data/tree; echo $X";
    expect(await store.done("run", "--rm", "--network", "none", "test/committed:1", "sh", "-c", look)).toBe(
      "new\nchanged\n/data:\nkept\nnew\ntree\n\n/data/tree:\ny\n",
    );
    expect(await store.done("run", "--rm", "--network", "none", "test/committed:1")).toBe("new\n");
    const [{ config }] = JSON.parse(await store.done("inspect", "test/committed:1"));
    expect(config.history.at(-1)).toMatchObject({ author: "somebody", comment: "by hand" });
    expect(await store.done("system", "check")).toBe("Everything is right\n");
    expect(await said("commit", "writer", "Not A Name")).toContain("nvalid");
    await store.done("rmi", "-f", "test/committed:1");
  });

  // Docker has what every container's mounts need in a layer that is nobody's.
  test("has nothing of what is made for mounts that every container has, and no layer where nothing was written", async () => {
    const layers = async (name: string) =>
      JSON.parse(await store.done("inspect", "-f", "{{json .RootFS.Layers}}", name)).length;
    const before = await layers(image);
    await store.done(
      "run",
      "--name",
      "mounts",
      "--network",
      "none",
      "-v",
      "/asked",
      image,
      "touch",
      "/etc/own",
    );
    await store.done("commit", "mounts", "test/mounts");
    expect((await store.teu("image", "diff", image, "test/mounts")).stdout).toBe("A /asked\nA /etc/own\n");
    expect(await store.done("diff", "mounts")).toBe("A /asked\nC /etc\nA /etc/own\n");
    await store.done("run", "--name", "idle", "--network", "none", image, "true");
    await store.done("commit", "idle", "test/idle");
    expect([await layers("test/mounts"), await layers("test/idle")]).toEqual([before + 1, before]);
    // What somebody put there is theirs.
    await store.done("create", "--name", "theirs", "--network", "none", image, "true");
    const upper = await store.done("inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", "theirs");
    mkdirSync(join(upper.trim(), "dev/kept"), { recursive: true });
    expect(await store.done("diff", "theirs")).toBe("A /dev\nA /dev/kept\n");
    await store.done("rm", "-v", "mounts", "idle", "theirs");
    await store.done("rmi", "test/mounts", "test/idle");
    expect(await store.done("system", "check")).toBe("Everything is right\n");
  });

  test("is committed while the container runs, which goes on afterwards", async () => {
    await start("--name", "runs", image, "sh", "-c", "echo a > /a; exec sleep 1000");
    for (const end = Date.now() + 10_000; (await store.teu("exec", "runs", "ls", "/a")).status !== 0; )
      if (Date.now() > end) throw new Error("it did not write");
    await store.done("commit", "runs", "test/running");
    expect(await store.done("ps")).not.toContain("(Paused)");
    expect(await store.done("run", "--rm", "--network", "none", "test/running", "cat", "/a")).toBe("a\n");
    await store.done("rmi", "-f", "test/running");
  });

  test.each(["running", "stopped"])("is in the archive of teu export, of one that is %s", async (state) => {
    await start("--name", "whole", "-v", "/v", image, "sh", "-c", "echo a > /a; touch /v/x; exec sleep 1000");
    for (const end = Date.now() + 10_000; (await store.teu("exec", "whole", "ls", "/v/x")).status !== 0; )
      if (Date.now() > end) throw new Error("it did not write");
    if (state === "stopped") await store.done("stop", "-t", "0", "whole");
    const file = store.path(`whole-${state}.tar`);
    await store.done("export", "-o", file, "whole");
    const tree = store.path(`whole-${state}`);
    mkdirSync(tree);
    expect(Bun.spawnSync(["tar", "-C", tree, "-xf", file]).success).toBe(true);
    expect(readFileSync(join(tree, "a"), "utf8")).toBe("a\n");
    expect(readFileSync(join(tree, "data/kept"), "utf8")).toBe("kept\n");
    expect(readdirSync(join(tree, "v"))).toEqual([]);
    const piped = Bun.spawnSync([TEU, "export", "whole"], { env: { ...store.env } });
    expect(piped.stdout.equals(readFileSync(file))).toBe(true);
  });
});

describe("templates and filters", () => {
  test("of ps", async () => {
    await start(
      "--name",
      "first",
      "-l",
      "app=shop",
      "-l",
      "tier=web",
      "-v",
      "data:/v",
      image,
      "sleep",
      "1000",
    );
    await store.done("run", "--name", "second", "--network", "none", "-l", "app=shop", image, "true");
    const ps = async (...words: string[]) => (await store.done("ps", ...words)).trimEnd();
    expect(await ps("--format", '{{.Names}} {{.State}} {{.Label "tier"}}')).toBe("first running web");
    expect(await ps("-a", "--filter", "label=app=shop", "--format", "{{.Names}}")).toBe("second\nfirst");
    expect(await ps("-aq", "--no-trunc", "--filter", "name=^fir")).toMatch(/^[0-9a-f]{64}$/);
    expect(await ps("--filter", "status=exited", "--format", "table {{.Names}}\\t{{.Image}}")).toBe(
      `NAMES     IMAGE\nsecond    ${image}`,
    );
    expect(await ps("-l", "--format", "{{.Names}}")).toBe("second");
    expect(await ps("--filter", "exited=0", "--filter", "since=first", "--format", "{{.Names}}")).toBe(
      "second",
    );
    expect(await ps("-a", "--filter", "volume=data", "--format", "{{.Mounts}}")).toBe("data");
    expect(JSON.parse(await ps("--format", "json"))).toMatchObject({ Names: "first", State: "running" });
    expect(await said("ps", "--filter", "colour=red")).toContain("invalid filter 'colour=red'");
    expect(await said("ps", "--format", "{{.Nosuch}}")).toContain('no entry for key "Nosuch"');
    expect(await said("ps", "--format", "{{.Names")).toContain("template parsing error");
  });

  test("of inspect: docker's keys", async () => {
    const flags = [
      "--name",
      "seen",
      "-e",
      "A=b",
      "-v",
      "data:/v:ro",
      "--restart",
      "on-failure:3",
      "-m",
      "64m",
      "-l",
      "a=b",
    ];
    const id = (await start(...flags, image, "sleep", "1000")).trim();
    const look = async (template: string) => (await store.done("inspect", "-f", template, "seen")).trimEnd();
    expect(await look("{{.Id}} {{.Name}} {{.State.Status}} {{.State.Running}}")).toBe(
      `${id} /seen running true`,
    );
    const pid = Number(await look("{{.State.Pid}}"));
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toBe("sleep\x001000\0");
    expect(await look("{{range .Config.Env}}{{println .}}{{end}}")).toContain("\nA=b");
    expect(await look("{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}}")).toBe(
      "volume data /v false",
    );
    expect(
      await look("{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}} {{.HostConfig.NetworkMode}}"),
    ).toBe("on-failure 67108864 none");
    expect(await look('{{index .Config.Labels "a"}} {{.Path}} {{join .Args " "}}')).toBe("b sleep 1000");
    await store.done("stop", "-t", "0", "seen");
    expect(await look("{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}")).toBe("exited 137 0");
    expect(await store.done("inspect", "-f", "{{.Os}} {{.RootFS.Type}} {{json .RepoTags}}", image)).toBe(
      `linux layers ["${image}:latest"]\n`,
    );
    expect(await store.done("images", "--format", "{{.Repository}}:{{.Tag}}")).toBe(`${image}:latest\n`);
    expect(await store.done("volume", "ls", "--format", "{{.Name}}")).toBe("data\n");
    expect(await store.done("network", "ls", "--format", "{{.Name}} {{.Driver}}")).not.toContain("{{");
  });
});

describe("--init", () => {
  test("waits for what others leave, and ends as the program ends", async () => {
    const init = (...words: string[]) =>
      store.teu("run", "--rm", "--init", "--network", "none", image, ...words);
    expect(await init("sh", "-c", "echo $$; cat /proc/1/comm; exit 7")).toMatchObject({
      status: 7,
      stdout: "2\ninit\n",
    });
    expect((await init("sh", "-c", "kill -9 $$")).status).toBe(137);
    // The one in between ends, and what it has started becomes a child of PID 1.
    const orphan =
      "(sleep 0.1 & ) ; sleep 0.5; for p in /proc/[0-9]*; do grep State $p/status; done | grep -c Z; true";
    expect((await init("sh", "-c", orphan)).stdout).toBe("0\n");
    expect(await init("nosuch")).toMatchObject({ status: 127 });
    expect(await init("/etc/passwd")).toMatchObject({ status: 126 });
    // The control: without it the program is PID 1, and nobody waits.
    const without = await store.teu("run", "--rm", "--network", "none", image, "sh", "-c", "echo $$");
    expect(without.stdout).toBe("1\n");
  });

  test("hands signals on to a program that would not hear them as PID 1", async () => {
    await start("--init", "--name", "deaf", image, "sleep", "1000");
    // TERM ends it; as PID 1 it would wait for KILL, which is 137.
    await store.done("stop", "-t", "60", "deaf");
    expect(await store.done("inspect", "-f", "{{.State.ExitCode}} {{.HostConfig.Init}}", "deaf")).toBe(
      "143 true\n",
    );
    await store.done("start", "deaf");
    expect(await store.done("exec", "deaf", "cat", "/proc/1/comm")).toBe("init\n");
    expect(await store.done("diff", "deaf")).not.toContain("/dev/init");
  });
});

test("teu stats shows what containers use", async () => {
  await start("--name", "eager", "-m", "64m", image, "sh", "-c", "while true; do :; done");
  await start("--name", "idle", image, "sleep", "1000");
  const seen = await store.done("stats", "--no-stream", "--json");
  const all = seen
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(all.map(({ name }) => name).sort()).toEqual(["eager", "idle"]);
  const eager = all.find(({ name }) => name === "eager");
  expect(eager.cpuPercent).toBeGreaterThan(all.find(({ name }) => name === "idle").cpuPercent);
  expect(eager.counters).toMatchObject({ memoryLimitBytes: 64 << 20, pids: 1 });
  expect(eager.counters.memoryBytes).toBeGreaterThan(0);
  expect(await store.done("stats", "--no-stream", "idle")).toMatch(
    /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT/,
  );
  expect(await store.done("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "idle")).toBe(
    "idle 1\n",
  );
  await store.done("stop", "-t", "0", "idle");
  expect(await said("stats", "--no-stream", "idle")).toContain("is not running");
});

test("teu update changes limits at once and for later, and the restart policy", async () => {
  await start("--name", "grown", "-m", "64m", "--pids-limit", "50", image, "sleep", "1000");
  const limits = async () =>
    (
      await store.done(
        ...["exec", "grown", "sh", "-c"],
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true",
      )
    ).trim();
  expect(await limits()).toBe(`${64 << 20}\n50`);
  expect(await store.done("update", "-m", "128m", "--pids-limit", "70", "--restart", "always", "grown")).toBe(
    "grown\n",
  );
  expect(await limits()).toBe(`${128 << 20}\n70`);
  expect(
    await store.done("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}", "grown"),
  ).toBe(`${128 << 20} always\n`);
  await store.done("stop", "-t", "0", "grown");
  await store.done("update", "-m", "32m", "--restart", "no", "grown");
  await store.done("start", "grown");
  expect(await limits()).toBe(`${32 << 20}\n70`);
  expect(await said("update", "grown")).toContain("you must provide one or more flags");
  expect(await said("update", "-m", "lots", "grown")).toContain("nvalid");
});

describe("docker's long names", () => {
  test("call the same commands", async () => {
    await store.done("container", "run", "--name", "long", "--network", "none", image, "true");
    expect(await store.done("container", "ls", "-a", "--format", "{{.Names}}")).toBe("long\n");
    expect(await store.done("image", "ls", "--format", "{{.Repository}}")).toBe(`${image}\n`);
    // Who sits at a terminal is asked first.
    const question = "remove all stopped containers.\r\nAre you sure you want to continue? [y/N] ";
    const kept = await typeInto(["container", "prune"], store.env, [[question, "n\r"]]);
    expect(kept.status).toBe(1);
    expect(kept.seen).toEndWith("teu: container prune has been cancelled\r\n");
    expect(await store.done("ps", "-a", "--format", "{{.Names}}")).toBe("long\n");
    const all = ["container", "network", "image", "volume"].map((kind) => [kind, "prune"]);
    for (const words of [...all, ["image", "prune", "-a"], ["volume", "prune", "-a"], ["system", "prune"]])
      expect((await typeInto(words, store.env, [["[y/N] ", "\x04"]])).status).toBe(1);
    expect((await typeInto(["network", "prune"], store.env, [["[y/N] ", "y\r"]])).status).toBe(0);
    expect((await typeInto(["network", "prune", "-f"], store.env, [])).status).toBe(0);
    expect(await store.done("container", "prune")).toMatch(/^long\nTotal reclaimed space: /);
    expect(await store.done("ps", "-aq")).toBe("");
  });

  test("teu history tells what made which layer, and image prune takes what nobody has", async () => {
    await store.done("run", "--name", "one", "--network", "none", image, "sh", "-c", "echo x > /x");
    await store.done("commit", "-m", "by hand", "one", "test/history");
    const steps = JSON.parse(await store.done("history", "--json", "test/history")) as {
      createdBy: string;
      bytes: number;
    }[];
    expect(steps[0]).toMatchObject({ createdBy: "sh -c echo x > /x", comment: "by hand" });
    expect(steps[0]?.bytes).toBeGreaterThan(0);
    expect(steps.length).toBe(3);
    expect(await store.done("image", "history", "test/history")).toMatch(
      /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT\n/,
    );
    await store.done("rm", "one");
    expect(await store.done("image", "prune")).toContain("Total reclaimed space: 0 B");
    expect(await store.done("image", "prune", "--all")).toContain("Untagged: test/history:latest\n");
    expect(await store.done("images", "-q")).toBe("");
    await store.done("pull", "--quiet", image);
  });
});

// It was always false.
test("inspect and events tell that memory ran out", async () => {
  const script = "dd if=/dev/zero of=/dev/null bs=64M count=1; exit 9";
  const limits = ["-m", "8m", "--memory-swap", "8m"];
  await store.teu("run", "--name", "hungry", "--network", "none", ...limits, image, "sh", "-c", script);
  const format = "{{.State.OOMKilled}} {{.State.ExitCode}}";
  expect(await store.done("inspect", "-f", format, "hungry")).toBe("true 9\n");
  const past = ["events", "--since", "1h", "--until", "0s", "--filter", "container=hungry"];
  expect(await store.done(...past, "--format", "{{.Action}}")).toContain("oom\ndie\n");
  await store.done("rm", "hungry");
});

// A container that had just ended was one that does not exist.
test("kill and update of one that ends at this moment take it for ended", async () => {
  for (let times = 0; times < 3; times++) {
    await store.done("run", "-d", "--name", "brief", "--network", "none", image, "sleep", "1000");
    const killed = store.done("kill", "brief");
    const updated = await store.teu("update", "--cpu-shares", "200", "brief");
    await killed;
    expect(updated).toEqual({ status: 0, stdout: "brief\n", stderr: "" });
    expect((await store.teu("kill", "brief")).stderr).toMatch(
      /^teu: container [0-9a-f]{64} is not running\n$/,
    );
    await store.done("rm", "-f", "brief");
  }
});

// The container went while it was started: an error named a file of ours that was not there.
test("rm and start of one container at once: one of them happens, and restarts wait for each other", async () => {
  for (let times = 0; times < 4; times++) {
    const name = `both${times}`;
    await store.done("create", "--name", name, "--network", "none", image, "sleep", "1000");
    const [started, removed] = await Promise.all([store.teu("start", name), store.teu("rm", name)]);
    expect([started.status, removed.status].sort()).toEqual([0, 1]);
    const said = started.status === 0 ? removed.stderr : started.stderr;
    expect(said).toMatch(/container is running|No such container|another teu is at it/);
    expect(await store.done("ps", "-a", "--filter", `name=${name}`, "--format", "{{.State}}")).toBe(
      started.status === 0 ? "running\n" : "",
    );
    await store.done("rm", "-f", name);
  }
  await store.done("run", "-d", "--name", "often", "--network", "none", image, "sleep", "1000");
  const all = await Promise.all([1, 2, 3].map(() => store.teu("restart", "-t", "0", "often")));
  expect(all.map(({ status, stderr }) => `${status}${stderr}`)).toEqual(["0", "0", "0"]);
  await store.done("rm", "-f", "often");
});
