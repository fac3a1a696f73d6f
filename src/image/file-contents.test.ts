import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  chunks,
  directory,
  type Member,
  symlink,
  tar,
  tree as treeBelow,
} from "../../test/support/layer-archive.ts";
import { type LayerTarget, makeLayerTarget } from "../../test/support/layer-target.ts";
import { layerFiles } from "../sys/index.ts";
import { type AppliedLayer, type ApplyOptions, applyLayer } from "./apply-layer.ts";
import type { ByteString } from "./byte-string.ts";
import type { EntryType } from "./tar/entry.ts";

const files = layerFiles<ByteString>();
const isRoot = process.getuid?.() === 0;
let place: LayerTarget;
let target: string;
let canary: string;
beforeEach(() => {
  place = makeLayerTarget();
  ({ target, canary } = place);
});
afterEach(() => place[Symbol.dispose]());

const tree = (at = target): Record<string, string> => treeBelow(at);

function apply(bytes: Uint8Array, options: Partial<ApplyOptions> = {}, to = target): Promise<AppliedLayer> {
  const ownership = isRoot ? "restore" : "none";
  return applyLayer(chunks(bytes), to, { files, mode: "plain", sync: false, ownership, ...options });
}

// Members whose bytes come in pieces are made one by one, those that come whole many at a time: nobody may see which it was.
describe("files that are made together", () => {
  const WHOLE = 1 << 20;
  const whole = (bytes: Uint8Array, options: Partial<ApplyOptions> = {}, to = target) => {
    const ownership = isRoot ? "restore" : "none";
    return applyLayer(chunks(bytes, WHOLE), to, { files, mode: "plain", sync: false, ownership, ...options });
  };

  test("have all that the archive says of them", async () => {
    const times = [0, -1, -2_000_000_001, 1_700_000_000, 2 ** 31, 2 ** 32 + 7].map((seconds) => ({
      seconds,
      nanoseconds: 123_456_789,
    }));
    const modes = [0o644, 0o600, 0o4755, 0, 0o2711, 0o644];
    const members = times.map((mtime, index) => ({
      name: `d/${index}`,
      content: "x".repeat(index * 700),
      mode: modes[index] ?? 0,
      mtime,
      ...(isRoot ? { uid: index % 3, gid: 0xffff_fffe - index } : {}),
    }));
    // Above what one batch takes.
    const many = Array.from({ length: 300 }, (_, index) => ({ name: `m/${index}`, content: `${index}` }));
    const long = { name: `d/${"n".repeat(255)}`, content: "long" };
    await whole(tar(directory("d"), ...members, long, ...many));
    for (const { name, content, mode, mtime, uid, gid } of members as Required<(typeof members)[number]>[]) {
      const path = join(target, name);
      const stats = lstatSync(path, { bigint: true });
      const wanted = BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanoseconds);
      expect([name, stats.mtimeNs, (Number(stats.mode) & 0o7777).toString(8)]).toEqual([
        name,
        wanted,
        mode.toString(8),
      ]);
      if (isRoot) expect([stats.uid, stats.gid]).toEqual([BigInt(uid), BigInt(gid)]);
      if (isRoot) expect(readFileSync(path, "utf8")).toBe(content);
    }
    expect(readFileSync(join(target, long.name), "utf8")).toBe("long");
    expect(many.every(({ name, content }) => readFileSync(join(target, name), "utf8") === content)).toBe(
      true,
    );
  });

  test("take the place of what is there, link or tree, and nothing outside is touched", async () => {
    mkdirSync(join(target, "d/tree/below"), { recursive: true });
    symlinkSync(canary, join(target, "d/link"));
    writeFileSync(join(target, "d/file"), "old");
    const names = ["a", "link", "b", "tree", "c", "file", "a", "e"];
    await whole(tar(...names.map((name, index) => ({ name: `d/${name}`, content: `${index}` }))));
    expect(tree(join(target, "d"))).toEqual({
      a: "644 6",
      b: "644 2",
      c: "644 4",
      e: "644 7",
      file: "644 5",
      link: "644 1",
      tree: "644 3",
    });
    expect(readdirSync(canary)).toEqual(["file"]);
  });

  test("a name that no file system has is an error that tells it, and nothing stays open", async () => {
    const before = readdirSync("/proc/self/fd").length;
    const name = "n".repeat(256);
    const layer = tar({ name: "a", content: "1" }, { name, content: "2" }, { name: "b", content: "3" });
    await expect(whole(layer)).rejects.toMatchObject({
      code: "layer-file-failed",
      context: { errno: "ENAMETOOLONG", path: name },
    });
    expect(tree()).toEqual({ a: "644 1" });
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  const part = fc.constantFrom("a", "b", "c", ".wh.a", ".wh.b", "..");
  const member = fc.record({
    name: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/")),
    type: fc.constantFrom<EntryType>("file", "file", "file", "file", "directory", "symlink", "hardlink"),
    to: fc.constantFrom("a", "b/c", "../a", "/c", "a/b"),
    content: fc.constantFrom("", "x", "y".repeat(600), "z".repeat(1100)),
    mode: fc.constantFrom(0o644, 0o755, 0o4711, 0o700),
    mtime: fc.integer({ min: 1, max: 9 }).map((seconds) => ({ seconds, nanoseconds: 0 })),
  });

  test.each(["plain", "overlay"] as const)("make the tree that they make one by one: %s", async (mode) => {
    if (mode === "overlay" && !isRoot) return;
    const times = (at: string): string[] =>
      Object.keys(tree(at))
        .map((name) => [name, lstatSync(join(at, name.replace(/\/$/, ""))).mtimeMs] as const)
        // What no member describes has the time of its making.
        .map(([name, time]) => `${name} ${time < 1e6 ? time : "now"}`);
    let round = 0;
    const outcome = async (members: readonly Member[], size: number): Promise<unknown> => {
      const at = join(place.folder, `${round++}`);
      mkdirSync(at);
      const bytes = tar(...members.map((one) => (one.type === "file" ? one : { ...one, content: "" })));
      const ownership = isRoot ? "restore" : "none";
      const applied = await applyLayer(chunks(bytes, size), at, {
        files,
        mode,
        sync: false,
        ownership,
      }).catch(({ code, context }) => ({ code, context }));
      const found = "code" in applied ? applied : { applied, tree: tree(at), times: times(at) };
      rmSync(at, { recursive: true });
      return found;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(member, { minLength: 1, maxLength: 12 }), async (members) => {
        const one = await outcome(members, 100);
        expect(await outcome(members, WHOLE)).toEqual(one);
      }),
      { numRuns: 200, interruptAfterTimeLimit: 1_500 },
    );
  });
});

describe("files are made with their owner and mode where the kernel gives both", () => {
  const modes = [0o644, 0o755, 0o600, 0o4755, 0o640, 0o777, 0, 0o666];
  const members = (folder: string) =>
    modes.map((mode): Member => ({ name: `${folder}f${mode.toString(8)}`, mode }));
  const found = (at: string) =>
    Object.fromEntries(
      readdirSync(at).map((name) => {
        const { mode, uid, gid } = lstatSync(join(at, name));
        return [name, [(mode & 0o7777).toString(8), uid, gid]];
      }),
    );
  const wanted = (): ReturnType<typeof found> => {
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
    return Object.fromEntries(
      modes.map((mode) => [`f${mode.toString(8)}`, [mode.toString(8), uid, gid]] as const),
    );
  };

  test.each([0, 0o022, 0o027, 0o077])("whatever the umask is: %i", async (umask) => {
    const before = process.umask(umask);
    try {
      await apply(tar(...members(""), ...members("d/")));
    } finally {
      process.umask(before);
    }
    const { d: _, ...top } = found(target);
    expect(top).toEqual(wanted());
    expect(found(join(target, "d"))).toEqual(wanted());
  });

  const group = { mode: 0o2755, gid: 5 };
  test.skipIf(!isRoot)("in directories that give files their group", async () => {
    await apply(tar(directory("d", group), ...members("d/"), { name: "d/sub/x" }));
    const { sub: _, ...there } = found(join(target, "d"));
    expect(there).toEqual(wanted());
  });

  test.skipIf(!isRoot)("where such a one comes in a directory's place", async () => {
    await apply(
      tar(directory("d", group), directory("p"), { name: "p/a" }, symlink("p", "d"), ...members("p/")),
    );
    expect(found(join(target, "d"))).toEqual(wanted());
  });

  test.skipIf(!isRoot)("and others' files are theirs", async () => {
    const other = { uid: 7, gid: 8 };
    await apply(
      tar({ name: "a" }, { name: "b", ...other }, { name: "c", mode: 0o4755, ...other }, { name: "d" }),
    );
    expect(found(target)).toMatchObject({ b: ["644", 7, 8], c: ["4755", 7, 8], d: ["644", 0, 0] });
  });
});
