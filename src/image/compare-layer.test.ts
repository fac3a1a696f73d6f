import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tar, tree } from "../../test/support/layer-archive.ts";
import { layerFiles } from "../sys/index.ts";
import { applyLayer } from "./apply-layer.ts";
import type { ByteString } from "./byte-string.ts";
import { compareLayer } from "./compare-layer.ts";
import { packLayer } from "./pack-layer.ts";

const files = layerFiles<ByteString>();
const root = process.getuid?.() === 0;
let folder: string;
let target: string;
let layer: Buffer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "teu-compare-"));
  const source = join(folder, "source");
  mkdirSync(join(source, "etc/deep"), { recursive: true });
  writeFileSync(join(source, "etc/deep/file"), "content");
  writeFileSync(join(source, "etc/empty"), "");
  symlinkSync("etc", join(source, "link"));
  layer = Buffer.concat([...packLayer(source, { files, mode: "plain" })].map((piece) => Buffer.from(piece)));
  target = join(folder, "target");
  mkdirSync(target);
  await applyLayer(stream(), target, { files, mode: "overlay" });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const stream = () => new Blob([new Uint8Array(layer)]).stream();
const compared = () => compareLayer(stream(), target, files);

test("compareLayer() finds nothing in what was just unpacked", async () =>
  expect(await compared()).toEqual([]));

test("compareLayer() tells of what is missing, short or another thing", async () => {
  truncateSync(join(target, "etc/deep/file"), 3);
  rmSync(join(target, "etc/empty"));
  expect((await compared()).sort()).toEqual(['"etc/deep/file" has 3 bytes, not 7', '"etc/empty" is missing']);
  rmSync(join(target, "etc/deep"), { recursive: true });
  writeFileSync(join(target, "etc/deep"), "");
  expect((await compared()).sort()).toEqual([
    '"etc/deep" is of another type',
    '"etc/deep/file" is missing',
    '"etc/empty" is missing',
  ]);
});

// Where devices cannot be made, `teu system check` took each for damage.
test.skipIf(!root)("compareLayer() finds nothing where a plain user's devices are empty files", async () => {
  const plain = Object.assign(layerFiles<ByteString>(), { overlayAttributes: "user.overlay." as const });
  layer = tar(
    { name: "null", type: "character", major: 1, minor: 3 },
    { name: "disk", type: "block", major: 7 },
  );
  await applyLayer(stream(), target, { files: plain, mode: "overlay" });
  expect(tree(target)).toMatchObject({ null: "644 ", disk: "644 " });
  expect(await compareLayer(stream(), target, plain)).toEqual([]);
  expect(await compared()).toHaveLength(2);
});
