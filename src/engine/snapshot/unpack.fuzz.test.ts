/** Layers as overlay directories show the tree that layers unpacked one onto the other make, whatever is in them. */
import { expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { makeStore, putManifest, tarOf } from "../../../test/support/engine-store.ts";
import { type HostPath, hasCode } from "../../base/index.ts";
import { type ByteString, unpackImage } from "../../image/index.ts";
import { layerFiles } from "../../sys/index.ts";
import { readImage } from "../image/content.ts";
import { thisPlatform } from "../image/platform.ts";
import { layerDirectories } from "./directories.ts";
import { openMerged } from "./overlay.ts";
import { unpackLayers } from "./unpack.ts";

const root = process.getuid?.() === 0;
if (!root) console.log("skipped: snapshots need root");

const path = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }).map((p) => p.join("/"));
const kind = fc.constantFrom("directory", "directory", "opaque", "file", "file", "whiteout", "whiteout");
type Kind = typeof kind extends fc.Arbitrary<infer K> ? K : never;

/** One layer's members by name, each path once, nothing below what is no directory. */
function membersOf(entries: readonly (readonly [string, Kind])[]): Record<string, string> {
  const kinds = new Map(entries);
  const members: Record<string, string> = {};
  for (const [at, is] of kinds) {
    const parents = at.split("/").map((_, depth, parts) => parts.slice(0, depth).join("/"));
    const isBlocked = parents.some((parent) => ["file", "whiteout"].includes(kinds.get(parent) ?? ""));
    if (isBlocked) continue;
    const slash = at.lastIndexOf("/") + 1;
    if (is === "file") members[at] = at;
    else if (is === "whiteout") members[`${at.slice(0, slash)}.wh.${at.slice(slash)}`] = "";
    else members[`${at}/`] = "";
    if (is === "opaque") members[`${at}/.wh..wh..opq`] = "";
  }
  return members;
}

const layer = fc.array(fc.tuple(path, kind), { minLength: 1, maxLength: 7 }).map(membersOf);
const image = fc.array(layer, { minLength: 1, maxLength: 3 });

/** Names as a listing has them, also those that nothing is behind. */
function tree(at: string, prefix = ""): string[] {
  return readdirSync(at)
    .sort()
    .flatMap((name) => {
      const stats = lstatSync(join(at, name), { throwIfNoEntry: false });
      if (stats?.isDirectory()) return [`${prefix}${name}/`, ...tree(join(at, name), `${prefix}${name}/`)];
      return [
        `${prefix}${name} ${stats === undefined ? "is not there" : readFileSync(join(at, name), "utf8")}`,
      ];
    });
}

// Whiteouts that hide nothing were listed, as names of nothing: the kernel passes over them only where it merges directories.
test.skipIf(!root)("unpackLayers() shows the tree that unpackImage() makes", async () => {
  using made = makeStore();
  const { store } = made;
  const files = layerFiles<ByteString>();
  const place = join(store.paths.run, "place") as HostPath;
  mkdirSync(place);
  await fc.assert(
    fc.asyncProperty(image, async (layers) => {
      const documents = readImage(store, putManifest(store, layers.map(tarOf)), thisPlatform());
      const plain = mkdtempSync(join(store.paths.run, "plain-"));
      try {
        await unpackImage(store.content, documents, plain, { files });
      } catch (error) {
        // A member below what is a file in a layer below: in which order would the two make sense?
        fc.pre(!hasCode(error, "layer-file-failed"));
        throw error;
      }
      const { top } = await unpackLayers(store, documents);
      const [first, ...rest] = top === undefined ? [] : layerDirectories(store, top);
      if (first === undefined) throw new Error("no directories");
      using merged = openMerged(store.paths.snapshots, [first, ...rest], place);
      expect(tree(merged.path)).toEqual(tree(plain));
      rmSync(plain, { recursive: true });
    }),
    // As many as the time allows: each syncs the disk.
    { numRuns: 100, interruptAfterTimeLimit: 3_000 },
  );
});
