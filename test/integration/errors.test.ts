/** What goes wrong on the way from a reference to PID 1: one line that says so, the right status, and nothing left behind. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { type Finished, run, TEU, teu } from "./teu.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

let registry: RegistryProcess;
let image: string;
beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  image = `${registry.address}/test/box`;
  await pushLayers(image, [busyboxLayer()]);
});
afterAll(async () => {
  if (isAble) await registry[Symbol.asyncDispose]();
});

/** One line of error, at most one of advice. */
function expectOneLine({ stderr }: Finished, line: RegExp): void {
  const [first = "", ...rest] = stderr.trimEnd().split("\n");
  expect(first).toMatch(line);
  expect(rest.filter((other) => !other.startsWith("hint: "))).toEqual([]);
}

function expectNothingLeft(store: Store): void {
  const list = (path: string) =>
    existsSync(join(store.folder, path)) ? readdirSync(join(store.folder, path)) : [];
  expect(list("run/containers")).toEqual([]);
  expect(list("run/runtime/teu")).toEqual([]);
  expect(list("root/snapshots").filter((name) => name.startsWith("new-"))).toEqual([]);
}

describe("teu run", () => {
  const cases: { what: string; words: () => string[]; status: number; line: RegExp }[] = [
    {
      what: "a program that is not there",
      words: () => [image, "nosuch"],
      status: 127,
      line: /^teu: Cannot start the program: exec: "nosuch": executable file not found/,
    },
    {
      what: "a path that is not there",
      words: () => [image, "/no/such"],
      status: 127,
      line: /^teu: Cannot start the program: exec: "\/no\/such": /,
    },
    {
      what: "a file that may not be executed",
      words: () => [image, "/not-executable"],
      status: 126,
      line: /^teu: Cannot start the program: exec: "\/not-executable": permission denied/,
    },
    {
      what: "a directory",
      words: () => [image, "/tmp"],
      status: 126,
      line: /^teu: Cannot start the program: exec: "\/tmp": /,
    },
    {
      what: "an image that is not there",
      words: () => [`${registry.address}/no/such`],
      status: 125,
      line: /^teu: .*no such image/i,
    },
    {
      what: "a registry that is not there",
      words: () => ["127.0.0.1:1/no/such"],
      status: 125,
      line: /^teu: .*connection refused/i,
    },
    {
      what: "a name that is none",
      words: () => ["upper/CASE"],
      status: 125,
      line: /^teu: Invalid reference/,
    },
    {
      what: "a flag that is none",
      words: () => ["--nosuch", image],
      status: 125,
      line: /^teu: Unknown flag --nosuch/,
    },
    { what: "no image", words: () => [], status: 1, line: /^teu: Wrong arguments of teu run/ },
    {
      what: "too little memory",
      words: () => ["-m", "1m", image],
      status: 125,
      line: /^teu: Minimum memory limit/,
    },
    {
      what: "a user that is not there",
      words: () => ["-u", "nobody", image],
      status: 125,
      line: /^teu: .*nobody/,
    },
  ];
  test.each(cases)("$what: status $status", async ({ words, status, line }) => {
    await using store = new Store();
    const result = await store.teu("run", "--rm", "--quiet", ...words());
    expectOneLine(result, line);
    expect(result.status).toBe(status);
    expect(result.stdout).toBe("");
    expectNothingLeft(store);
  });

  test("without --rm a container that never ran does not stay either", async () => {
    await using store = new Store();
    expect((await store.teu("run", "--name", "again", "--quiet", image, "nosuch")).status).toBe(127);
    expect(await store.done("ps", "-aq")).toBe("");
    expect(await store.done("run", "--rm", "--name", "again", image, "echo", "again")).toBe("again\n");
  });
});

/** A registry that serves what it likes: one image whose layer is not what its manifest says. */
async function lyingRegistry(
  layer: (bytes: Uint8Array) => Uint8Array<ArrayBuffer>,
): Promise<Bun.Server<undefined>> {
  const origin = `http://${registry.address}`;
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const answer = await fetch(`${origin}${pathname}`, {
        headers: { accept: request.headers.get("accept") ?? "*/*" },
      });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const isLayer = pathname.includes("/blobs/") && bytes[0] === 0x1f;
      const body = isLayer ? layer(bytes) : bytes;
      return new Response(body, {
        status: answer.status,
        headers: { "content-type": answer.headers.get("content-type") ?? "" },
      });
    },
  });
}

describe("layers that are not what the manifest says", () => {
  const lies: { what: string; lie: (bytes: Uint8Array) => Uint8Array<ArrayBuffer>; line: RegExp }[] = [
    {
      what: "other bytes",
      lie: (bytes) => Uint8Array.from(bytes, (byte, at) => (at === bytes.length >> 1 ? byte ^ 1 : byte)),
      line: /^teu: Cannot accept blob sha256:[0-9a-f]+: its content hashes to sha256:/,
    },
    { what: "too many bytes", lie: (bytes) => Uint8Array.from([...bytes, 0]), line: /^teu: / },
    { what: "too few bytes", lie: (bytes) => Uint8Array.from(bytes.subarray(0, -1)), line: /^teu: / },
  ];
  test.each(lies)("$what: status 125, nothing kept", async ({ lie, line }) => {
    await using store = new Store();
    const server = await lyingRegistry(lie);
    try {
      const result = await store.teu("run", "--rm", "--quiet", `127.0.0.1:${server.port}/test/box`, "true");
      expectOneLine(result, line);
      expect(result.status).toBe(125);
      expectNothingLeft(store);
      expect(await store.done("images", "-q")).toBe("");
    } finally {
      await server.stop(true);
    }
  });
});

// The first that could not be removed ended the command.
test("rmi and rm remove what they can, and name what they cannot", async () => {
  await using store = new Store();
  await store.done("pull", "--quiet", image);
  const images = await store.teu("rmi", "no/such", image, "nor/this");
  expect(images.stdout).toStartWith(`Untagged: ${image}:latest\nDeleted: sha256:`);
  expect(images.status).toBe(1);
  expectOneLine(images, /^teu: No such image: no\/such; No such image: nor\/this$/);
  expect(await store.done("rmi", "-f", "no/such")).toBe("");

  await store.done("run", "--quiet", "--name", "box", image, "true");
  const containers = await store.teu("rm", "none", "box");
  expect([containers.stdout, containers.status]).toEqual(["box\n", 1]);
  expectOneLine(containers, /^teu: No such container: none$/);
});

describe("a full disk", () => {
  test.each([
    { what: "while layers arrive", sizeBytes: 600 << 10 },
    { what: "while they are unpacked", sizeBytes: 2 << 20 },
  ])("$what: status 125, one line, and the space comes back", async ({ sizeBytes }) => {
    await using store = new Store();
    const place = join(store.folder, "root");
    mkdirSync(place);
    const mounted = await run(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", place]);
    expect(mounted.status).toBe(0);
    try {
      const result = await store.teu("run", "--rm", "--quiet", image, "true");
      expectOneLine(result, /^teu: .*no space (is )?left on (the )?device/i);
      expect(result.status).toBe(125);
      expectNothingLeft(store);
      // Enough is free again to take away what was pulled.
      await store
        .done("rmi", "-f", ...(await store.done("images", "-q")).split("\n").filter(Boolean), ...[])
        .catch(() => "");
      expect((await store.teu("ps")).status).toBe(0);
    } finally {
      await run(["umount", place]);
    }
  });
});

describe("a killed teu", () => {
  test("in the middle of a pull or an unpack leaves nothing that the next command does not clean", async () => {
    await using store = new Store();
    const noise = Object.fromEntries(
      Array.from({ length: 3000 }, (_, number) => [`many/${number}`, `file ${number}\n`.repeat(50)]),
    );
    await pushLayers(`${registry.address}/test/large`, [busyboxLayer(), noise, { x: "y" }]);
    for (const afterMs of [20, 60, 120, 200]) {
      const child = Bun.spawn([TEU, "run", "--rm", "--quiet", `${registry.address}/test/large`, "true"], {
        env: { ...store.env },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
      });
      await Bun.sleep(afterMs);
      child.kill("SIGKILL");
      await child.exited;
    }
    expect(await store.done("ps", "-aq")).toBe("");
    expectNothingLeft(store);
    expect(
      await store.done("run", "--rm", "--quiet", `${registry.address}/test/large`, "cat", "/many/2999"),
    ).toContain("file 2999");
  });
});

test("a user without a home is told so in one line", async () => {
  const result = await run(["setpriv", "--reuid=65534", "--clear-groups", TEU, "run", "x"]);
  expect(result.status).toBe(125);
  expectOneLine(result, /^teu: Cannot tell where the user's files belong: HOME is not set/);
});

test("commands that are none say so, and help is help", async () => {
  const unknown = await teu(["nosuch"]);
  expect(unknown.status).toBe(1);
  expectOneLine(unknown, /^teu: Unknown command "nosuch" of teu/);
  const help = await teu(["run", "--help"]);
  expect(help.status).toBe(0);
  expect(help.stdout).toContain("Examples:");
});

describe("a layer that lost bits on the disk", () => {
  test.each([{ words: ["run", "--rm"] }, { words: ["unpack"] }])(
    "$words says so, removes it, and the next one pulls it",
    async ({ words }) => {
      await using store = new Store();
      await store.done("pull", "--quiet", image);
      const blobs = join(store.folder, "root/content/blobs/sha256");
      const [largest = ""] = readdirSync(blobs).sort(
        (a, b) => statSync(join(blobs, b)).size - statSync(join(blobs, a)).size,
      );
      const file = openSync(join(blobs, largest), "r+");
      writeSync(file, "damaged", 5000);
      closeSync(file);
      const rest = words[0] === "run" ? ["echo", "whole"] : [join(store.folder, "bundle")];
      const failed = await store.teu(...words, "--quiet", image, ...rest);
      expectOneLine(
        failed,
        /^teu: Cannot unpack layer sha256:[0-9a-f]{64}: it was damaged on this disk, and is removed$/,
      );
      expect((await store.teu(...words, "--quiet", image, ...rest)).status).toBe(0);
    },
  );
});
