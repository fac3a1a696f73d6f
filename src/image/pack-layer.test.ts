/** What an overlay's upper directory holds, packed and applied onto what lies below, is what the mount shows. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describeTree } from "../../test/integration/support/tree.ts";
import { needs, program, root } from "../../test/support/needs.ts";
import { digestOf } from "../spec/index.ts";
import { layerFiles } from "../sys/index.ts";
import { applyLayer } from "./apply-layer.ts";
import { type ByteString, byteString } from "./byte-string.ts";
import { type PackOptions, packLayer } from "./pack-layer.ts";

const rootTest = needs(root, program("getfattr"));
const files = layerFiles<ByteString>();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "teu-pack-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function pack(source: string, options: Partial<PackOptions> = {}): Buffer {
  const pieces = packLayer(source, { files, mode: "overlay", ...options });
  return Buffer.concat(Array.from(pieces, (piece) => Buffer.from(piece)));
}

const stream = (bytes: Buffer) => new Blob([new Uint8Array(bytes)]).stream();

function made(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

function run(...command: string[]): string {
  const result = Bun.spawnSync(command, { stderr: "pipe" });
  if (!result.success) throw new Error(`${command.join(" ")}: ${result.stderr.toString()}`);
  return result.stdout.toString();
}

/** Changes the tree that `lower` shows through an overlay. @returns the upper directory, and the mount's tree */
function changeThroughOverlay(
  at: string,
  lower: string,
  change: (merged: string) => void,
  options = "",
): { upper: string; shown: string[] } {
  const [upper, work, merged] = ["upper", "work", "merged"].map((name) => join(at, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [upper, work, merged]) mkdirSync(path);
  run(
    ...["mount", "-t", "overlay", "overlay", "-o"],
    `lowerdir=${lower},upperdir=${upper},workdir=${work}${options}`,
    merged,
  );
  try {
    change(merged);
    return { upper, shown: describeTree(merged) };
  } finally {
    run("umount", merged);
  }
}

/** A tree with one of everything that a layer can hold. */
function fillLower(at: string): void {
  mkdirSync(join(at, "a/b"), { recursive: true });
  mkdirSync(join(at, "c"));
  for (const name of ["a/x", "a/y", "a/b/x", "a/b/y", "c/x"]) writeFileSync(join(at, name), name);
  symlinkSync("../a", join(at, "c/y"));
}

const path = fc.array(fc.constantFrom("a", "b", "c", "x", "y"), { minLength: 1, maxLength: 3 });
const operation = fc.tuple(
  fc.constantFrom(
    "write",
    "remove",
    "directory",
    "symlink",
    "link",
    "rename",
    "chmod",
    "chown",
    "attribute",
    "fifo",
  ),
  path.map((parts) => parts.join("/")),
  path.map((parts) => parts.join("/")),
);
type Operation = typeof operation extends fc.Arbitrary<infer O> ? O : never;

/** As writeFileSync(), but a pipe that nobody reads is an error, and nothing to wait for. */
function writeNow(path: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK } = constants;
  const descriptor = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0o666);
  try {
    writeFileSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}

/** What the file system refuses (a file where a directory should be, and so on) is left out. */
function perform(at: string, [kind, one, other]: Operation): void {
  const [from, to] = [join(at, one), join(at, other)];
  try {
    switch (kind) {
      case "write":
        writeNow(from, `${one} anew`);
        break;
      case "remove":
        rmSync(from, { recursive: true });
        break;
      case "directory":
        mkdirSync(from);
        break;
      case "symlink":
        symlinkSync(other, from);
        break;
      case "link":
        linkSync(from, to);
        break;
      case "rename":
        renameSync(from, to);
        break;
      case "chmod":
        chmodSync(from, 0o2711);
        break;
      case "chown":
        chownSync(from, 1234, 70_000);
        break;
      case "attribute":
        run("setfattr", "-n", "user.note", "-v", one, from);
        break;
      case "fifo":
        run("mkfifo", from);
        break;
      default:
        kind satisfies never;
    }
  } catch (error) {
    if (!/^E[A-Z]+:|setfattr|mkfifo/.test((error as Error).message)) throw error;
  }
}

describe("packLayer() of an overlay's upper directory", () => {
  rootTest(
    "applied to what lies below gives the tree that the mount shows",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
          const at = mkdtempSync(join(folder, "run-"));
          const lower = join(at, "lower");
          mkdirSync(lower);
          fillLower(lower);
          const before = join(at, "plain");
          run("cp", "-a", lower, before);
          const { upper, shown } = changeThroughOverlay(at, lower, (merged) => {
            for (const one of operations) perform(merged, one);
          });
          const layer = pack(upper);
          expect(pack(upper).equals(layer)).toBe(true);
          await applyLayer(stream(layer), before, { files, mode: "plain" });
          expect(describeTree(before)).toEqual(shown);
          rmSync(at, { recursive: true });
        }),
        { numRuns: 60, interruptAfterTimeLimit: 4_000 },
      );
    },
    20_000,
  );

  // With redirect_dir a renamed directory is empty in the upper one: its content was lost from the image.
  rootTest.each([
    ["redirect_dir", ",redirect_dir=on", (at: string) => renameSync(join(at, "a"), join(at, "moved"))],
    ["metacopy", ",metacopy=on", (at: string) => chmodSync(join(at, "a/x"), 0o700)],
  ])("refuses what was written with %s", (feature, option, change) => {
    const lower = made("lower");
    fillLower(lower);
    const { upper } = changeThroughOverlay(folder, lower, change, option);
    expect(() => pack(upper)).toThrow(`Unsupported overlayfs feature ${feature}: `);
  });

  rootTest("writes marks, and none of overlayfs's own attributes", () => {
    const lower = made("lower");
    fillLower(lower);
    const { upper } = changeThroughOverlay(folder, lower, (at) => {
      rmSync(join(at, "a"), { recursive: true });
      mkdirSync(join(at, "a"));
      writeFileSync(join(at, "a/new"), "");
      rmSync(join(at, "c/x"));
    });
    expect(run("getfattr", "-d", "-m", "trusted.overlay", "--absolute-names", join(upper, "a"))).toContain(
      "opaque",
    );
    const layer = pack(upper);
    expect(layer.includes("overlay")).toBe(false);
    writeFileSync(join(folder, "layer.tar"), layer);
    expect(run("tar", "-tf", join(folder, "layer.tar")).split("\n")).toEqual([
      "./",
      "a/",
      "a/.wh..wh..opq",
      "a/new",
      "c/",
      "c/.wh.x",
      "",
    ]);
  });

  rootTest("whose attributes the image set within are packed by the names that it knows", async () => {
    const upper = made("upper");
    writeFileSync(join(upper, "f"), "");
    const descriptor = files.openDirectory(upper);
    files.setAttribute(
      descriptor,
      byteString("f"),
      byteString("trusted.overlay.overlay.opaque"),
      Buffer.from("y"),
    );
    const layer = pack(upper);
    expect(layer.includes("SCHILY.xattr.trusted.overlay.opaque=y")).toBe(true);
    // And where it is unpacked, that is again no attribute of overlayfs's.
    const target = made("target");
    await applyLayer(stream(layer), target, { files, mode: "overlay" });
    expect(files.attributes(files.openDirectory(target), byteString("f"))).toEqual([
      byteString("trusted.overlay.overlay.opaque"),
    ]);
  });
});

describe("packLayer()", () => {
  test("gives the same bytes whatever the order in which files were made", () => {
    const trees = [made("one"), made("other")];
    const names = ["b", "a", "d", "c"];
    for (const [number, at] of trees.entries()) {
      for (const name of number === 0 ? names : names.toReversed()) writeFileSync(join(at, name), name);
      linkSync(join(at, "a"), join(at, "z"));
      for (const name of [...names, ""]) utimesSync(join(at, name), 1_000, 1_000);
    }
    const [one, other] = trees.map((at) => digestOf(pack(at, { mode: "plain" })));
    expect(one).toBe(other as typeof one & string);
  });

  test("lets no member be younger than SOURCE_DATE_EPOCH, and older ones as they are", () => {
    const at = made("tree");
    writeFileSync(join(at, "old"), "");
    writeFileSync(join(at, "new"), "");
    utimesSync(join(at, "old"), 1_000, 1_000);
    writeFileSync(join(folder, "layer.tar"), pack(at, { mode: "plain", sourceDateEpoch: 5_000 }));
    const listed = run("tar", "-tvf", join(folder, "layer.tar"), "--full-time", "--utc");
    expect(listed).toMatch(/1970-01-01 00:16:40 old\n/);
    expect(listed).toMatch(/1970-01-01 01:23:20 new\n/);
  });

  test("tells of sockets, which no layer can hold, and leaves them out", async () => {
    const at = made("tree");
    const server = createServer();
    await new Promise<void>((listening) => void server.listen(join(at, "socket"), listening));
    const skipped: string[] = [];
    const layer = pack(at, { mode: "plain", skipped: (path) => skipped.push(path) });
    await new Promise((closed) => void server.close(closed));
    expect(skipped).toEqual(["socket"]);
    expect(layer.includes("socket")).toBe(false);
  });

  test("packs a file with holes as what is read of it, and tar finds it whole", () => {
    const at = made("tree");
    const sparse = join(at, "sparse");
    writeFileSync(sparse, "begin");
    truncateSync(sparse, 3 << 20);
    writeFileSync(join(folder, "layer.tar"), pack(at, { mode: "plain" }));
    run("tar", "-C", made("out"), "-xf", join(folder, "layer.tar"));
    expect(lstatSync(join(folder, "out/sparse")).size).toBe(3 << 20);
    run("cmp", sparse, join(folder, "out/sparse"));
  });
});
