/**
 * Layers that want out of the tree that they are unpacked to: each is pulled from a registry and unpacked by the built program, to a
 * bundle and to the engine's snapshots, whose layers are unpacked beside each other. What must hold is looked at from outside: a canary
 * that no layer may touch, and the tree. The numbers are those of the classes in docs/reference/attacks.md.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { busyboxLayer, tarOf } from "../integration/support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "../integration/support/registry.ts";
import { TEU } from "../integration/teu.ts";
import { type Member, tar, tree } from "../support/layer-archive.ts";
import { needs, program, root } from "../support/needs.ts";
import { pushRaw, type RawLayer } from "./support/raw-image.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());
let registry: RegistryProcess;
let store: Store;
let canary: string;
let images = 0;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  canary = store.path("canary");
  mkdirSync(canary, { mode: 0o700 });
  writeFileSync(join(canary, "c"), "untouched", { mode: 0o600 });
}, 60_000);
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const dir = (name: string, more: Partial<Member> = {}): Member => ({ name, type: "directory", ...more });
const link = (name: string, to: string, more: Partial<Member> = {}): Member => ({
  name,
  to,
  type: "symlink",
  ...more,
});
const hard = (name: string, to: string): Member => ({ name, to, type: "hardlink" });
const evil = (name: string): Member => ({ name, content: "evil" });
const layersOf = (...layers: Member[][]): RawLayer[] => layers.map((members) => ({ bytes: tar(...members) }));

/** A header of this type and size, whatever follows it. */
const header = (name: string, type: string, size: Buffer): Buffer => {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write("0000644\0", 100);
  size.copy(block, 124);
  block.write("        ", 148);
  block.write(type, 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
};
const octal = (size: number): Buffer => Buffer.from(`${size.toString(8).padStart(11, "0")}\0`);
const binary = (size: bigint): Buffer => {
  const field = Buffer.alloc(12);
  field.writeUInt8(0x80, 0);
  field.writeBigUInt64BE(size, 4);
  return field;
};

/** Unpacks an image of these layers both ways. @returns what was said, or "" and the tree */
async function attempt(layers: readonly RawLayer[]): Promise<{ said: string; at: string }> {
  const name = `${registry.address}/hostile/layer:${++images}`;
  await pushRaw(name, layers);
  const at = store.path(`bundle-${images}`);
  const before = lstatSync(join(canary, "c"));
  const unpacked = await store.teu("unpack", "-q", name, at);
  const created = await store.teu("create", "-q", "--network", "none", "--name", "box", name, "true");
  if (created.status === 0) await store.done("rm", "box");
  await store.done("rmi", "-f", name);
  // Both ways come to the same end; the engine says besides that it could not create.
  expect(created.status === 0).toBe(unpacked.status === 0);
  const after = lstatSync(join(canary, "c"));
  expect(tree(canary)).toEqual({ c: "600 untouched" });
  expect(statSync(canary).mode & 0o7777).toBe(0o700);
  for (const field of ["mode", "uid", "gid", "nlink", "mtimeMs", "ctimeMs"] as const)
    expect([field, after[field]]).toEqual([field, before[field]]);
  for (const { stderr } of [unpacked, created]) expect(stderr.trimEnd().split("\n").length).toBeLessThan(3);
  return { said: unpacked.stderr, at: join(at, "rootfs") };
}

describe("1: names that lead up", () => {
  test.each(["../c", "/c", "a/../../c", "../../../../../../../../c"])(
    "%s is below the root",
    async (name) => {
      const { said, at } = await attempt(layersOf([evil(name)]));
      expect([said, tree(at)["c"]]).toEqual(["", "644 evil"]);
    },
  );
  test("a backslash is a letter, 5,000 levels are too many", async () => {
    const { said, at } = await attempt(layersOf([evil("..\\c")]));
    expect([said, tree(at)]).toEqual(["", { "..\\c": "644 evil" }]);
    expect((await attempt(layersOf([evil(`${"d/".repeat(5_000)}f`)]))).said).toContain("Cannot unpack");
  });
});

describe("2: links on the way (CVE-2025-47290)", () => {
  test.each([
    ["an absolute one", () => [[link("l", canary), evil("l/c")]]],
    [
      "a chain",
      () => [[link("a", ".."), link("b", "a/../.."), link("l", `b/../../..${canary}`), evil("l/c")]],
    ],
    ["of the layer below, with a mark besides", () => [[link("l", canary)], [evil("l/c"), evil("l/.wh.c")]]],
    ["through /proc", () => [[link("l", `/proc/1/root${canary}`), evil("l/c")]]],
  ] as [string, () => Member[][]][])("%s", async (_, layers) => {
    expect((await attempt(layersOf(...layers()))).said).toBe("");
  });
});

describe("3: hard links (CVE-2026-23745, CVE-2026-26960)", () => {
  test.each([
    ["up", () => [hard("h", `../../../../../../../..${canary}/c`), evil("h")]],
    ["absolute", () => [hard("h", `${canary}/c`), evil("h")]],
    [
      "by two links",
      () => [dir("a"), link("a/b", ".."), link("l", `a/b/../..${canary}`), hard("h", "l/c"), evil("h")],
    ],
    ["to what is not there", () => [hard("h", "none")]],
    ["to a directory", () => [dir("d"), hard("h", "d")]],
  ] as [string, () => Member[]][])("%s", async (_, members) => {
    expect((await attempt(layersOf(members()))).said).toMatch(/Cannot unpack "h": it is a hard link to "/);
  });
  test("to a link is one to the link", async () => {
    expect((await attempt(layersOf([link("l", `${canary}/c`), hard("h", "l"), evil("h")]))).said).toBe("");
  });
});

test.each([".", "/", "./"])("4: the root becomes no link: %j (CVE-2021-29136)", async (name) => {
  expect((await attempt(layersOf([link(name, canary)]))).said).toContain("the root is not a directory");
});

test("5: mode, owner, times and attributes of a link are its own (CVE-2021-32760)", async () => {
  const more = { mode: 0o777, uid: 1, gid: 1, xattrs: { "user.x": "y" } };
  await attempt(layersOf([link("l", `${canary}/c`, more), link("d", canary, more)]));
});

describe("6: whiteouts", () => {
  test.each([".wh.", ".wh..", ".wh...", "d/.wh..."])("%s is none", async (name) => {
    expect((await attempt(layersOf([dir("d")], [evil(name)]))).said).toContain("Cannot unpack");
  });
  test("hide nothing behind a link", async () => {
    const marks = [{ name: "x/.wh..wh..opq" }, { name: "x/.wh.c" }, { name: `.wh.${"x".repeat(200)}` }];
    expect((await attempt(layersOf([link("x", canary)], marks))).said).toBe("");
  });
  test("of the second of three layers hide the same, whichever is unpacked first", async () => {
    const layers = layersOf(
      [dir("d"), evil("d/a"), evil("d/b")],
      [{ name: "d/.wh.a" }, { name: ".wh.none" }],
      [evil("d/c")],
    );
    const { said, at } = await attempt(layers);
    expect([said, Object.keys(tree(at))]).toEqual(["", ["d/", "d/b", "d/c"]]);
  });
});

describe("in a container", () => {
  const run = async (layers: readonly RawLayer[], script: string) => {
    const name = `${registry.address}/hostile/run:${++images}`;
    await pushRaw(name, [{ bytes: tarOf(store.path(`busybox-${images}`), busyboxLayer()) }, ...layers], {
      Env: ["PATH=/bin"],
    });
    const { stdout } = await store.teu("run", "--rm", "-q", "--network", "none", name, "sh", "-c", script);
    await store.done("rmi", "-f", name);
    return stdout;
  };

  test("7: a device of a layer is there and cannot be opened; a setuid file helps nobody who is shut out of the store", async () => {
    const device = { name: "mem", type: "character", major: 1, minor: 1, mode: 0o666 } as const;
    const script =
      "stat -c %F /mem; dd if=/mem of=/dev/null bs=1 count=1 2>&1 | grep -o 'Operation not permitted'; stat -c %a /su";
    expect(await run(layersOf([device, { ...evil("su"), mode: 0o4755 }]), script)).toBe(
      "character special file\nOperation not permitted\n4755\n",
    );
    expect(statSync(store.path("root")).mode & 0o077).toBe(0);
  });

  test("8: overlayfs's own attributes hide and redirect nothing", async () => {
    const xattrs = {
      "trusted.overlay.opaque": "y",
      "trusted.overlay.redirect": "/etc",
      "user.overlay.opaque": "y",
    };
    const layers = layersOf([dir("d"), evil("d/below")], [dir("d", { xattrs }), evil("d/above")]);
    expect(await run(layers, "ls /d")).toBe("above\nbelow\n");
  });
});

describe("9, 10: what is far larger than it looks", () => {
  /** What is said, also where there is no memory for what the layer claims. */
  const said = async (bytes: Uint8Array) => {
    const layer = { bytes, diffID: `sha256:${"0".repeat(64)}` };
    const { said: first } = await attempt([layer]);
    const name = `${registry.address}/hostile/large:${++images}`;
    await pushRaw(name, [layer]);
    const limited = [
      "sh",
      "-c",
      'ulimit -v 4194304; exec "$@"',
      "sh",
      TEU,
      "unpack",
      "-q",
      name,
      store.path("large"),
    ];
    const again = Bun.spawnSync(limited, { env: { PATH: process.env["PATH"] ?? "", ...store.env } });
    await store.done("rmi", "-f", name);
    expect(again.stderr.toString()).toBe(first);
    return first;
  };

  test("a zstd window of 1 GiB", async () => {
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00]);
    expect(await said(frame)).toContain("Cannot decompress zstd");
  });
  test.each([
    ["a PAX header of 8 GB", "x", octal(2 ** 33 - 1), "Invalid tar archive"],
    ["a name of 8 GB", "L", octal(2 ** 33 - 1), "Invalid tar archive"],
    ["a file of 4 PB", "0", binary(1n << 52n), "more than"],
  ])("%s", async (_, type, size, why) => {
    expect(await said(header("x", type, size))).toContain(why);
  });
  test("ten million parts of a sparse file", async () => {
    const pax = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n28 GNU.sparse.realsize=512\n";
    const body = Buffer.alloc(512);
    body.write(pax);
    const file = Buffer.alloc(16_384);
    file.write(`${10_000_000}\n${"0\n0\n".repeat(2_000)}`);
    const archive = [header("x", "x", octal(pax.length)), body, header("s", "0", octal(file.length)), file];
    expect(await said(Buffer.concat(archive))).toContain("Invalid tar archive");
  });
});

describe("11: an archive that two readers read in two ways", () => {
  test("the size of a PAX header is the file's, not that of the long name before it (CVE-2025-62518)", async () => {
    const inner = tar(evil("hidden"));
    const padded = (text: string): Buffer => Buffer.concat([Buffer.from(text)], 512);
    const pax = `${`00 size=${inner.length}\n`.length} size=${inner.length}\n`;
    const bytes = Buffer.concat([
      header("pax", "x", octal(pax.length)),
      padded(pax),
      header("gnu", "L", octal(10)),
      padded("long name"),
      header("f", "0", octal(0)),
      inner,
      tar(evil("after")),
    ]);
    const { said, at } = await attempt([{ bytes }]);
    expect([said, Object.keys(tree(at))]).toEqual(["", ["after", "long name"]]);
    const listed = Bun.spawnSync(["tar", "-t"], { stdin: bytes }).stdout.toString();
    expect(listed).toBe("long name\nafter\n");
  });
  test("a wrong checksum is an error", async () => {
    const bytes = tar(evil("a"));
    bytes[0] = 0x62;
    expect((await attempt([{ bytes }])).said).toContain("Invalid tar archive");
  });
});

describe("12: content that is not what was asked for", () => {
  test("a layer of another diffID", async () => {
    const bytes = tar(evil("a"));
    expect((await attempt([{ bytes, diffID: `sha256:${"1".repeat(64)}` }])).said).toContain("sha256:1111");
  });
  test("bytes behind the end of a compressed layer", async () => {
    const plain = tar(evil("a"));
    const bytes = Buffer.concat([gzipSync(plain), Buffer.from("more")]);
    const { said } = await attempt([{ bytes, diffID: `sha256:${"1".repeat(64)}` }]);
    expect(said).toContain("Cannot decompress gzip");
  });
});

describe("28: archives whose names are paths (CVE-2014-9358)", () => {
  test.each(["../../../../../../../../etc/passwd", "/etc/passwd", "link"])(
    "a layer called %s is a key into the archive",
    async (name) => {
      const file = store.path("archive.tar");
      const manifest = JSON.stringify([
        { Config: "config.json", RepoTags: ["../../evil:1"], Layers: [name] },
      ]);
      const config = JSON.stringify({
        os: "linux",
        architecture: "amd64",
        rootfs: { type: "layers", diff_ids: [] },
      });
      const files = [
        { name: "manifest.json", content: manifest },
        { name: "config.json", content: config },
      ];
      writeFileSync(file, tar(...files, link("link", "/etc/passwd")));
      chmodSync(file, 0o600);
      const { status, stderr } = await store.teu("load", "-i", file);
      expect([status, stderr.trimEnd().split("\n").length]).toEqual([1, 1]);
      expect(stderr).not.toContain(readFileSync("/etc/passwd", "utf8").slice(0, 20));
      expect(await store.done("images", "-q")).toBe("");
    },
  );
});
