/** The audit log: who had what run, what it was allowed to do, and that nobody can take a line out unseen. */
import { afterAll, beforeAll, expect } from "bun:test";
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

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

const none = ["--network", "none"];
const entries = async (of: Store = store) =>
  (await of.done("audit", "--json"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("a container and a program of exec have an entry each, which outlives them, and no environment is in it", async () => {
  await store.done("run", "-d", ...none, "--name", "told", "-e", "PASSWORD=secret", image, "sleep", "1000");
  await store.done("exec", "-e", "PASSWORD=secret", "-u", "7", "told", "echo", "x");
  const [{ Id }] = JSON.parse(await store.done("inspect", "told"));
  const config = readFileSync(join(store.folder, "root/containers", Id, "config.json"));
  await store.done("rm", "-f", "told");
  const [created, started, executed] = (await entries()).slice(-3);
  expect(created).toMatchObject({
    ...{ action: "create", uid: 0, container: Id, name: "told", image },
    ...{ args: ["sleep", "1000"], user: "0:0", signature: expect.stringMatching(/^(no policy|accepted)$/) },
    configDigest: `sha256:${new Bun.CryptoHasher("sha256").update(config).digest("hex")}`,
  });
  expect(created.imageDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(created.allowed).toBeUndefined();
  const { args, user, image: of, imageDigest, configDigest } = created;
  expect(started).toMatchObject({
    action: "start",
    container: Id,
    args,
    user,
    image: of,
    imageDigest,
    configDigest,
  });
  expect(executed).toMatchObject({
    action: "exec",
    container: Id,
    name: "told",
    args: ["echo", "x"],
    user: "7",
  });
  expect(readFileSync(join(store.folder, "root/audit.log"), "utf8")).not.toContain("secret");
  expect(statSync(join(store.folder, "root/audit.log")).mode & 0o777).toBe(0o600);
});

test("a start has the digest of its plan: the same for the same, another for what differs", async () => {
  const digestsOf = async (name: string) =>
    (await entries())
      .filter((entry) => entry.name === name && entry.action === "start")
      .map((entry) => entry.planDigest);
  await store.done("create", ...none, "--name", "planned", image, "true");
  expect(await digestsOf("planned")).toEqual([]);
  for (let time = 0; time < 2; time++) await store.done("start", "-a", "planned");
  const [first, second] = await digestsOf("planned");
  expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(second).toBe(first);
  const { Id } = JSON.parse(await store.done("inspect", "planned"))[0];
  const path = join(store.folder, "root/containers", Id, "config.json");
  writeFileSync(path, readFileSync(path, "utf8").replace('"CAP_KILL"', '"CAP_SYS_ADMIN"'));
  await store.done("start", "-a", "planned");
  const [, , third] = await digestsOf("planned");
  expect(third).toMatch(/^sha256:/);
  expect(third).not.toBe(first);
  expect(await store.done("audit", "--container", "planned", "--format", "{{.Action}} {{.PlanDigest}}")).toBe(
    ["create ", `start ${first}`, `start ${first}`, `start ${third}`, ""].join("\n"),
  );
  await store.done("rm", "planned");
});

test("what goes beyond the defaults is told", async () => {
  const flags = [
    "--cap-add",
    "SYS_TIME",
    "--pid",
    "host",
    "-v",
    "/etc:/e:ro",
    "--device",
    "/dev/loop-control",
  ];
  await store.done("run", "--rm", ...none, ...flags, "--security-opt", "seccomp=unconfined", image, "true");
  expect((await entries()).at(-2).allowed).toEqual({
    capabilities: ["CAP_SYS_TIME"],
    seccomp: "none",
    binds: ["/etc:ro"],
    devices: ["/dev/loop-control"],
    shares: ["pid"],
  });
  await store.done("run", "--rm", ...none, "--privileged", image, "true");
  expect((await entries()).at(-2).allowed).toMatchObject({ privileged: true, seccomp: "none" });
  expect(await store.done("audit", "--since", "1h", "--format", "{{.Action}} {{.Allowed}}")).toContain(
    "create privileged; ",
  );
});

test("is cut by time and container", async () => {
  await store.done("run", "--rm", ...none, "--name", "one", image, "true");
  await store.done("run", "--rm", ...none, "--name", "other", image, "true");
  expect(await store.done("audit", "--container", "one", "--format", "{{.Name}}")).toBe("one\none\n");
  expect(await store.done("audit", "--until", "1h", "--format", "{{.Name}}")).toBe("");
});

// A name or an argument may hold what would be a line of its own.
test("no argument can make an entry of its own", async () => {
  const forged = '{"time":"2000-01-01T00:00:00.000Z","action":"create","previous":""}';
  const before = (await entries()).length;
  await store.done("run", "--rm", ...none, image, "echo", `x\n${forged}\n`);
  expect((await entries()).length).toBe(before + 2);
  expect((await store.teu("audit", "--verify")).status).toBe(0);
  expect(await store.done("audit")).not.toContain(`\n${forged}`);
});

test("many at once make one chain", async () => {
  await using own = new Store();
  await own.done("pull", "--quiet", image);
  await Promise.all(Array.from({ length: 8 }, () => own.done("run", "--rm", ...none, image, "true")));
  expect(await own.done("audit", "--verify")).toBe("16 entries, each as it was written\n");
});

test("a line that was changed, taken out or cut short is found", async () => {
  await using own = new Store();
  await own.done("pull", "--quiet", image);
  for (const name of ["one", "two", "three"])
    await own.done("create", ...none, "--name", name, image, "true");
  const path = join(own.folder, "root/audit.log");
  const [first = "", second = "", third = ""] = readFileSync(path, "utf8").trimEnd().split("\n");
  const verify = async (text: string) => {
    writeFileSync(path, text);
    const { status, stdout } = await own.teu("audit", "--verify");
    return [status, stdout];
  };
  const says = "the line before is not the one that was there when it was written";
  expect(await verify(`${first}\n${third}\n`)).toEqual([1, `line 2: ${says}\n`]);
  expect(await verify(`${first}\n${second.replace('"two"', '"owt"')}\n${third}\n`)).toEqual([
    1,
    `line 3: ${says}\n`,
  ]);
  expect(await verify(`${second}\n${third}\n`)).toEqual([1, `line 1: ${says}\n`]);
  // A crash in the middle of a line: what comes next begins on a line of its own.
  writeFileSync(path, `${first}\n`);
  appendFileSync(path, second.slice(0, 50));
  await own.done("run", "--rm", ...none, image, "true");
  expect(await verify(readFileSync(path, "utf8"))).toEqual([1, "line 2: it is no whole entry\n"]);
  expect(readFileSync(path, "utf8").trimEnd().split("\n")).toHaveLength(4);
});

test("what cannot be written there is not done", async () => {
  await using own = new Store();
  await own.done("pull", "--quiet", image);
  await own.done("run", "--rm", ...none, image, "true");
  const path = join(own.folder, "root/audit.log");
  const chattr = Bun.spawnSync(["mount", "--bind", "-o", "ro", path, path]);
  expect(chattr.success).toBe(true);
  try {
    const { status, stderr } = await run([TEU, "run", "--rm", ...none, image, "echo", "ran"], {
      env: { ...own.env },
    });
    expect(status).toBe(125);
    expect(stderr).toContain("audit.log");
  } finally {
    Bun.spawnSync(["umount", path]);
  }
  expect(await own.done("ps", "-aq")).toBe("");
});
