/** Images made here, byte by byte as a test wants them, and put into a registry. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ContentStore } from "../../../src/content/index.ts";
import { pushImage, RegistryClient } from "../../../src/distribution/client/index.ts";
import { type Descriptor, digestOf, mediaTypes, parseReference } from "../../../src/spec/index.ts";

/** One layer: files by their path, with text or (a link) `-> target`. */
export type LayerFiles = Readonly<Record<string, string | Uint8Array>>;

/** The image's config, as far as a test cares. */
export interface ImageOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
}

const APPLETS =
  "sh cat id ls sleep stty echo true false hostname head wc sync kill touch rm mkdir env stat ip grep pwd dd".split(
    " ",
  );

/** A layer with a busybox, users and an empty /tmp: enough to run a script. */
export function busyboxLayer(): LayerFiles {
  const links = Object.fromEntries(APPLETS.map((applet) => [`bin/${applet}`, "-> busybox"]));
  return {
    ...links,
    "bin/busybox": "= busybox",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001::/home/user:/bin/sh\n",
    "etc/group": "root:x:0:\nuser:x:1001:\nextra:x:2000:user\n",
    "tmp/.keep": "",
    "not-executable": "text\n",
  };
}

/** Packs an image of `layers` and pushes it as `name`. @returns the descriptor of its manifest and of its layers */
export async function pushLayers(
  name: string,
  layers: readonly LayerFiles[],
  options: ImageOptions = {},
): Promise<{ manifest: Descriptor; layers: Descriptor[] }> {
  const folder = mkdtempSync(join(tmpdir(), "teu-image-"));
  try {
    const store = ContentStore.open(join(folder, "layout"));
    const put = (content: Uint8Array, mediaType: string): Descriptor => {
      using ingest = store.ingest();
      ingest.write(content);
      return { mediaType, ...ingest.commit() };
    };
    const tars = layers.map((files, number) => tarOf(join(folder, `${number}`), files));
    const config = {
      architecture: options.architecture ?? (process.arch === "arm64" ? "arm64" : "amd64"),
      os: "linux",
      config: { Cmd: ["sh"], Env: ["PATH=/bin"], ...options.config },
      rootfs: { type: "layers", diff_ids: tars.map((tar) => digestOf(tar)) },
    };
    const packed = tars.map((tar) => put(Bun.gzipSync(tar), mediaTypes.layerGzip));
    const document = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: put(Buffer.from(JSON.stringify(config)), mediaTypes.config),
      layers: packed,
    };
    const manifest = put(Buffer.from(JSON.stringify(document)), mediaTypes.manifest);
    const reference = parseReference(name);
    await pushImage(new RegistryClient(reference), { store, root: manifest, tag: reference.tag });
    return { manifest, layers: packed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The files as an archive, the same each time; `tree` is where they are put together. */
export function tarOf(tree: string, files: LayerFiles): Uint8Array<ArrayBuffer> {
  mkdirSync(tree, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const path = join(tree, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === "string" && content.startsWith("-> ")) symlinkSync(content.slice(3), path);
    else if (typeof content === "string" && content.startsWith("= "))
      copyFileSync(Bun.which(content.slice(2)) ?? content.slice(2), path);
    else writeFileSync(path, content);
  }
  // The same files make the same layer, whenever and by whomever.
  const same = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name", "--mtime=@1000000"];
  const packed = Bun.spawnSync(["tar", ...same, "-C", tree, "-cf", "-", "."]);
  if (!packed.success) throw new Error(`tar: ${packed.stderr.toString()}`);
  return new Uint8Array(packed.stdout);
}
