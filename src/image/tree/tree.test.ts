/** The tree that listings make is the one that unpacking makes; what each layer did, what shows no more, what differs. */
import { describe, expect, test } from "bun:test";
import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { tarOf } from "../../../test/support/engine-store.ts";
import { hasCode } from "../../base/index.ts";
import { layerFiles } from "../../sys/index.ts";
import { applyLayer } from "../apply-layer.ts";
import type { ByteString } from "../byte-string.ts";
import { compareTrees } from "./compare.ts";
import { listLayer } from "./listing.ts";
import { type HiddenContent, ImageTree, type LayerChange, type TreeNode } from "./tree.ts";

type Layer = Readonly<Record<string, string>>;

const stream = (bytes: Uint8Array) => new Blob([new Uint8Array(bytes)]).stream();

async function treeOf(...layers: readonly Layer[]): Promise<{
  tree: ImageTree;
  hidden: HiddenContent[];
  changes: LayerChange[][];
}> {
  const hidden: HiddenContent[] = [];
  const tree = new ImageTree((one) => hidden.push(one));
  const changes: LayerChange[][] = [];
  for (const [number, layer] of layers.entries())
    changes.push(tree.apply(await listLayer(stream(tarOf(layer)), { hashes: true }), number));
  return { tree, hidden, changes };
}

const told = (changes: readonly LayerChange[] | undefined): string[] =>
  (changes ?? []).map(({ kind, path, bytes }) => `${kind} ${path} ${bytes}`);

describe("ImageTree", () => {
  const cases: readonly { says: string; layers: readonly Layer[]; changes: string[]; hidden: string[] }[] = [
    {
      says: "a file that is written again hides the first one",
      layers: [{ a: "12345" }, { a: "123" }],
      changes: ["changed a 3"],
      hidden: ["a 5 of 0 by 1"],
    },
    {
      says: "a whiteout hides a tree, and is one change",
      layers: [{ "d/x": "1", "d/y": "22" }, { ".wh.d": "" }],
      changes: ["deleted d 0"],
      hidden: ["d/x 1 of 0 by 1", "d/y 2 of 0 by 1"],
    },
    {
      says: "an opaque mark hides what is below and not what its own layer brings, wherever it stands",
      layers: [
        { "d/x": "1", "d/y": "2" },
        { "d/new": "333", "d/x": "4", "d/.wh..wh..opq": "" },
      ],
      changes: ["added d/new 3", "changed d/x 1", "deleted d/y 0"],
      hidden: ["d/x 1 of 0 by 1", "d/y 1 of 0 by 1"],
    },
    {
      says: "a mark that hides nothing is no change",
      layers: [{ a: "1" }, { ".wh.b": "", "no/.wh.x": "" }],
      changes: [],
      hidden: [],
    },
    {
      says: "a directory that is described again is no change",
      layers: [
        { "d/": "", "d/x": "1" },
        { "d/": "", "d/y": "2" },
      ],
      changes: ["added d/y 1"],
      hidden: [],
    },
    {
      says: "content shows as long as one of its names does",
      layers: [{ a: "1234", b: "=> a" }, { ".wh.a": "" }],
      changes: ["deleted a 0"],
      hidden: [],
    },
    {
      says: "and is hidden with the last",
      layers: [
        { a: "1234", b: "=> a" },
        { ".wh.a": "", ".wh.b": "" },
      ],
      changes: ["deleted a 0", "deleted b 0"],
      hidden: ["b 4 of 0 by 1"],
    },
    {
      says: "a hard link to a file of a layer below brings nothing",
      layers: [{ a: "1234" }, { b: "=> a" }],
      changes: ["added b 0"],
      hidden: [],
    },
    {
      says: "links on the way are followed below the root",
      layers: [
        { "usr/bin/x": "1", bin: "-> /../usr/bin" },
        { "bin/y": "22", "bin/.wh.x": "" },
      ],
      changes: ["added bin/y 2", "deleted bin/x 0"],
      hidden: ["bin/x 1 of 0 by 1"],
    },
    {
      says: "a circle of links holds nothing, and ends",
      layers: [{ a: "-> b", b: "-> a" }, { "a/x": "1" }],
      changes: ["added a/x 1"],
      hidden: [],
    },
    {
      says: "a file in the place of a directory hides all of it",
      layers: [{ "d/x": "1" }, { d: "22" }],
      changes: ["changed d 2"],
      hidden: ["d/x 1 of 0 by 1"],
    },
  ];
  test.each(cases)("$says", async ({ layers, changes, hidden }) => {
    const made = await treeOf(...layers);
    expect(told(made.changes.at(-1)).sort()).toEqual([...changes].sort());
    expect(
      made.hidden.map(
        ({ path, bytes, broughtBy, hiddenBy }) => `${path} ${bytes} of ${broughtBy} by ${hiddenBy}`,
      ),
    ).toEqual(hidden);
  });

  const path = fc
    .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 })
    .map((p) => p.join("/"));
  const content = fc.constantFrom("file", "directory", "whiteout", "opaque");
  const layer = fc.array(fc.tuple(path, content), { maxLength: 6 }).map((entries) =>
    Object.fromEntries(
      entries.map(([at, is]) => {
        const slash = at.lastIndexOf("/") + 1;
        if (is === "whiteout") return [`${at.slice(0, slash)}.wh.${at.slice(slash)}`, ""];
        if (is === "opaque") return [`${at}/.wh..wh..opq`, ""];
        return is === "file" ? [at, at] : [`${at}/`, ""];
      }),
    ),
  );

  test("is what unpacking makes", async () => {
    const files = layerFiles<ByteString>();
    const folder = mkdtempSync(join(tmpdir(), "teu-tree-"));
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 3 }), async (layers) => {
          const target = mkdtempSync(join(folder, "t-"));
          const ownership = process.getuid?.() === 0 ? "restore" : "none";
          try {
            for (const one of layers)
              await applyLayer(stream(tarOf(one)), target, { files, mode: "plain", sync: false, ownership });
          } catch (error) {
            // A member below what is a file: no unpacker takes it.
            fc.pre(!hasCode(error, "layer-file-failed") && !hasCode(error, "invalid-layer"));
            throw error;
          }
          expect(names((await treeOf(...layers)).tree.root)).toEqual(onDisk(target));
        }),
        { numRuns: 500, interruptAfterTimeLimit: 3_000 },
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function names(node: TreeNode, prefix = ""): string[] {
  return [...(node.children ?? [])]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([base, child]) =>
      child.children === undefined
        ? [`${prefix}${base} ${child.inode.member?.type}`]
        : [`${prefix}${base}/`, ...names(child, `${prefix}${base}/`)],
    );
}

function onDisk(at: string, prefix = ""): string[] {
  return readdirSync(at)
    .sort()
    .flatMap((base) => {
      const stats = lstatSync(join(at, base));
      if (stats.isDirectory()) return [`${prefix}${base}/`, ...onDisk(join(at, base), `${prefix}${base}/`)];
      return [`${prefix}${base} file`];
    });
}

describe("compareTrees()", () => {
  test("tells what differs, whatever layers it lies in", async () => {
    const before = await treeOf({ same: "1", other: "12", gone: "x", "dir/in": "x", kind: "x", to: "-> a" });
    const after = await treeOf(
      { same: "0", other: "13", kind: "-> x", to: "-> b" },
      { same: "1", "new/deep": "123" },
    );
    const differences = compareTrees(before.tree, after.tree).map(
      ({ kind, path, parts, bytes }) => `${[kind, path, ...parts].join(" ")} ${bytes.join(" → ")}`,
    );
    expect(differences).toEqual([
      "deleted dir 0 → 0",
      "deleted gone 1 → 0",
      "changed kind type 1 → 0",
      "added new 0 → 0",
      "added new/deep 0 → 3",
      "changed other content 2 → 2",
      "changed to target 0 → 0",
    ]);
    expect(compareTrees(after.tree, after.tree)).toEqual([]);
  });
});
