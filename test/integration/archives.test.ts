/** `save` and `load`: files, pipes and what is neither. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, lstatSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { needs, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { TEU } from "./teu.ts";

const test = needs(root);

let registry: RegistryProcess;
let store: Store;
let image: string;
let layer: string;
beforeAll(async () => {
  if (!root.isMet()) return;
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/test/box:1`;
  const pushed = await pushLayers(image, [busyboxLayer()]);
  layer = pushed.layers[0]?.digest ?? "";
  await store.done("pull", image);
}, 60_000);
afterAll(async () => {
  if (!root.isMet()) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

describe("teu save", () => {
  // A file took the device's place: the machine was without /dev/null.
  test("-o writes to a device, and does not replace it", async () => {
    const device = store.path("null");
    Bun.spawnSync(["mknod", device, "c", "1", "3"]);
    await store.done("save", "-o", device, image);
    expect(lstatSync(device).isCharacterDevice()).toBe(true);
  });

  test("what it writes to a pipe, load reads from one", async () => {
    await using other = new Store();
    const saving = Bun.spawn([TEU, "save", image], { env: { ...store.env }, stdout: "pipe" });
    const loading = Bun.spawn([TEU, "load"], {
      env: { ...other.env },
      stdin: saving.stdout,
      stdout: "pipe",
    });
    expect(await loading.stdout.text()).toBe(`Loaded image: ${image}\n`);
    expect([await saving.exited, await loading.exited]).toEqual([0, 0]);
  });

  // It was loaded, so load said, and nobody had it.
  test("an image that is saved by its ID has no name, and load says that it is not kept", async () => {
    await using other = new Store();
    const path = other.path("box.tar");
    const id = (await store.done("inspect", "-f", "{{.Id}}", image)).trim();
    await store.done("save", "-o", path, id.slice(7, 19));
    expect(await other.teu("load", "-i", path)).toEqual({
      status: 1,
      stdout: "",
      stderr: `teu: Unsupported load of ${id}: an image without a name is not kept\nhint: 'teu copy oci-archive:${path} NAME' gives it one\n`,
    });
    await other.done("copy", "--progress", "none", `oci-archive:${path}`, "box:1");
    expect((await other.done("inspect", "-f", "{{.Id}}", "box:1")).trim()).toBe(id);
  });

  test("load shows how far it is, as --progress says", async () => {
    await using other = new Store();
    const path = other.path("box.tar");
    await store.done("save", "-o", path, image);
    const { stdout, stderr } = await other.teu("load", "--progress", "json", "-i", path);
    expect(stdout).toBe(`Loaded image: ${image}\n`);
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const kinds = events.filter(({ digest }) => digest === layer).map(({ event }) => event);
    expect([kinds[0], kinds.at(-1)]).toEqual(["begun", "done"]);
    expect((await other.teu("load", "--progress", "plain", "-i", path)).stderr).toContain(layer.slice(0, 19));
    expect((await other.teu("load", "-i", path)).stderr).toBe("");
  });

  test.each([
    ["/", 'open "/": is a directory'],
    ["/no/such/folder/x", 'open "/no/such/folder/x": no such file or directory'],
  ])("-o %s: %s", async (path, says) => {
    const { status, stderr } = await store.teu("save", "-o", path, image);
    expect({ status, stderr }).toEqual({ status: 1, stderr: `teu: ${says}\n` });
  });

  // It was written as it was, with status 0: whoever removed the image then had lost it.
  test("a blob that is damaged or missing is an error, and no archive", async () => {
    await using own = new Store();
    await own.done("pull", image);
    const blob = own.path(`root/content/blobs/${layer.replace(":", "/")}`);
    const { size } = statSync(blob);
    truncateSync(blob, size - 1);
    const short = await own.teu("save", "-o", own.path("x.tar"), image);
    expect(short.stderr).toBe(`teu: Cannot accept blob ${layer}: ${size - 1} of ${size} bytes came\n`);
    writeFileSync(blob, Buffer.alloc(size));
    const wrong = await own.teu("save", "-o", own.path("x.tar"), image);
    expect(wrong.stderr).toMatch(
      new RegExp(`^teu: Cannot accept blob ${layer}: its content hashes to .*\n$`),
    );
    rmSync(blob);
    const missing = await own.teu("save", "-o", own.path("x.tar"), image);
    expect(missing.stderr).toBe(`teu: Cannot find blob ${layer}: it is not in the content store\n`);
    expect([short.status, wrong.status, missing.status]).toEqual([1, 1, 1]);
    expect(readdirSync(own.folder).filter((name) => name.startsWith("x.tar"))).toEqual([]);
  });
});

describe("teu load", () => {
  test.each([
    ["/no/such/file", 'open "/no/such/file": no such file or directory'],
    ["/", 'read "/": is a directory'],
    ["/dev/null", "Cannot load images: it holds neither index.json nor manifest.json"],
  ])("-i %s: %s", async (path, says) => {
    const { status, stderr } = await store.teu("load", "-i", path);
    expect({ status, stderr }).toEqual({ status: 1, stderr: `teu: ${says}\n` });
  });

  // It waited for the next byte of a pipe that had none, and left its half-written blob behind.
  test("ends at once when it is told to, and leaves nothing in the making", async () => {
    const child = Bun.spawn([TEU, "load"], { env: { ...store.env }, stdin: "pipe", stderr: "pipe" });
    writeFileSync(store.path("member"), Buffer.alloc(100_000));
    const tar = Bun.spawnSync(["tar", "-cf", "-", "member"], { cwd: store.folder });
    child.stdin.write(tar.stdout.subarray(0, 50_000));
    await child.stdin.flush();
    const ingests = store.path("root/content/ingest");
    while (!existsSync(ingests) || readdirSync(ingests).length === 0) await Bun.sleep(10);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await child.stderr.text()).toBe("teu: Interrupted by SIGINT\n");
    expect(readdirSync(ingests)).toEqual([]);
  });
});
