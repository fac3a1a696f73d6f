/**
 * Makes the sample image teu/hello, one static program in one layer, as an OCI archive: `bun scripts/hello-image.ts OUT`.
 * The same program gives the same bytes.
 */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ContentStore } from "../src/content/index.ts";
import { type ByteString, packLayer, writeImage, writeLayer } from "../src/image/index.ts";
import { platformOfProcessor } from "../src/spec/index.ts";
import { layerFiles } from "../src/sys/index.ts";

const PROGRAM = join(dirname(import.meta.dir), "native/out/hello.elf");
const out = resolve(process.argv[2] ?? "hello.tar");

const folder = mkdtempSync(join(tmpdir(), "teu-hello-"));
try {
  const tree = join(folder, "tree");
  // Where the runtime mounts: then nothing has to be made in a read-only image.
  for (const name of ["dev", "etc", "proc", "sys"]) mkdirSync(join(tree, name), { recursive: true });
  copyFileSync(PROGRAM, join(tree, "hello"));
  chmodSync(join(tree, "hello"), 0o755);

  const layout = ContentStore.open(join(folder, "layout"));
  const tar = packLayer(tree, { files: layerFiles<ByteString>(), mode: "plain", sourceDateEpoch: 0 });
  const image = writeImage(layout, {
    layers: [await writeLayer(layout, tar, "gzip")],
    config: { ...platformOfProcessor(process.arch), config: { Entrypoint: ["/hello"] } },
  });
  layout.index.name(image, "docker.io/teu/hello:latest");
  const packed = Bun.spawnSync(["tar", "-C", layout.root, "-cf", out, "oci-layout", "index.json", "blobs"]);
  if (!packed.success) throw new Error(`Cannot pack ${out}: ${packed.stderr.toString()}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
