import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeStore, putManifest, tarOf } from "../../../test/support/engine-store.ts";
import { hasCode } from "../../base/index.ts";
import { readImage } from "../image/content.ts";
import { thisPlatform } from "../image/platform.ts";
import { unpackTree } from "./unpack-tree.ts";

const rootTest = test.skipIf(process.getuid?.() !== 0);
const never = new AbortController().signal;

rootTest("unpackTree() unpacks each layer onto those below, in their order, when it has come", async () => {
  using made = makeStore();
  const { store } = made;
  const layers = [{ "d/a": "1", "d/b": "1" }, { "d/.wh.a": "", "d/b": "2" }, { "d/c": "3" }];
  const image = readImage(store, putManifest(store, layers.map(tarOf)), thisPlatform());
  const target = join(store.paths.run, "tree");
  mkdirSync(target);
  const asked: string[] = [];
  await unpackTree(store, image, target, never, async ({ digest }) => {
    asked.push(digest);
  });
  expect(asked).toEqual(image.manifest.layers.map(({ digest }) => digest));
  expect(readdirSync(join(target, "d")).sort()).toEqual(["b", "c"]);
  expect(readFileSync(join(target, "d/b"), "utf8")).toBe("2");

  const [first, ...rest] = image.config.rootfs.diff_ids;
  const config = {
    ...image.config,
    rootfs: { type: "layers" as const, diff_ids: [...rest, ...(first ? [first] : [])] },
  };
  const failure = await unpackTree(store, { ...image, config }, target, never, async () => undefined).catch(
    (error: unknown) => error,
  );
  expect(hasCode(failure, "diff-id-mismatch")).toBe(true);
});
