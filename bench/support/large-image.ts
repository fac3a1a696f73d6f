/** An image as people have them: ten layers of 60 MB each from this machine's /usr, as OCI layouts. */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { digestOf } from "../../src/spec/index.ts";
import { timeCommand } from "./sample.ts";

/** How the layers of one are stored. */
export const COMPRESSIONS = ["gzip", "zstd"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** The image in a folder of its own, which is gone after it. */
export interface LargeImage extends Disposable {
  /** The folder of the OCI layout whose only image is `1`. */
  readonly layouts: Readonly<Record<Compression, string>>;
  /** Of the manifests. */
  readonly digests: Readonly<Record<Compression, string>>;
  /** The blobs of the layers, bottom first. */
  readonly layers: Readonly<Record<Compression, readonly string[]>>;
  /** Files, links and directories of all layers. */
  readonly entries: number;
  /** Of all layers as tar, and as they are stored. */
  readonly megabytes: Readonly<Record<Compression | "tar", number>>;
}

const LAYERS = 10;
const LAYER_BYTES = 60e6;
/** Of one directory's files, so that no directory is a layer by itself, and of one file. */
const MOST_OF_ONE_DIRECTORY = 12e6;
const LARGEST_FILE = 8e6;
/** As tar takes for a file beside its bytes. */
const HEADER_BYTES = 1024;
const TAR = ["tar", "--create", "--no-recursion", "--numeric-owner", "--format=pax", "-C", "/"];
const PACK: Readonly<Record<Compression, readonly string[]>> = {
  gzip: ["gzip", "-6", "-n", "-f"],
  zstd: ["zstd", "-3", "-q", "-f"],
};
const OCI = "application/vnd.oci.image";

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Makes it; that takes some 40 s. */
export function makeLargeImage(): LargeImage {
  const folder = mkdtempSync(join(tmpdir(), "teu-bench-image-"));
  const diffIDs: string[] = [];
  const blobs: Record<Compression, Blob[]> = { gzip: [], zstd: [] };
  const megabytes = { tar: 0, gzip: 0, zstd: 0 };
  let entries = 0;
  for (const kind of COMPRESSIONS) mkdirSync(join(folder, kind, "blobs/sha256"), { recursive: true });
  for (const names of layersOf("usr")) {
    const [list, tar] = [join(folder, "list"), join(folder, "layer")];
    writeFileSync(list, names.join("\0"));
    timeCommand([...TAR, "--file", tar, "--null", "--files-from", list]);
    diffIDs.push(digestOfFile(tar));
    entries += names.length;
    megabytes.tar += statSync(tar).size / 1e6;
    for (const kind of COMPRESSIONS) {
      const packed = `${tar}.${kind}`;
      timeCommand(["sh", "-c", `${PACK[kind].join(" ")} -c "$0" >"$1"`, tar, packed]);
      const digest = digestOfFile(packed);
      const { size } = statSync(packed);
      renameSync(packed, pathOf(join(folder, kind), digest));
      blobs[kind].push({ mediaType: `${OCI}.layer.v1.tar+${kind}`, digest, size });
      megabytes[kind] += size / 1e6;
    }
  }
  const write = (kind: Compression): string => writeLayout(join(folder, kind), blobs[kind], diffIDs);
  const pathsOf = (kind: Compression): string[] =>
    blobs[kind].map(({ digest }) => pathOf(join(folder, kind), digest));
  return {
    layouts: { gzip: join(folder, "gzip"), zstd: join(folder, "zstd") },
    digests: { gzip: write("gzip"), zstd: write("zstd") },
    layers: { gzip: pathsOf("gzip"), zstd: pathsOf("zstd") },
    entries,
    megabytes,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The names of each layer's members: directories in the order of their names' hashes, so that every kind of file is there, with those above them. */
function layersOf(root: string): string[][] {
  const layers: string[][] = [];
  let [members, bytes] = [new Set<string>(), 0];
  for (const directory of directoriesBelow(root).toSorted(byHash)) {
    let taken = 0;
    for (const name of readdirSync(join("/", directory)).sort()) {
      const status = lstatSync(join("/", directory, name));
      const isTaken = (status.isFile() || status.isSymbolicLink()) && status.size <= LARGEST_FILE;
      if (!isTaken || taken > MOST_OF_ONE_DIRECTORY) continue;
      for (const above of [...parentsOf(directory), directory, join(directory, name)]) members.add(above);
      taken += status.size + HEADER_BYTES;
      bytes += status.size + HEADER_BYTES;
      if (bytes < LAYER_BYTES) continue;
      layers.push([...members]);
      if (layers.length === LAYERS) return layers;
      [members, bytes] = [new Set(), 0];
    }
  }
  throw new Error(`/${root} is too small for ${LAYERS} layers of ${LAYER_BYTES} bytes`);
}

function directoriesBelow(root: string): string[] {
  const below = readdirSync(join("/", root), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [root, ...below.flatMap(({ name }) => directoriesBelow(join(root, name)))];
}

function byHash(one: string, other: string): number {
  return Bun.hash.crc32(one) - Bun.hash.crc32(other);
}

function parentsOf(path: string): string[] {
  const above = dirname(path);
  return above === "." ? [] : [...parentsOf(above), above];
}

/** @returns the manifest's digest */
function writeLayout(folder: string, layers: readonly Blob[], diffIDs: readonly string[]): string {
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const rootfs = { type: "layers", diff_ids: diffIDs };
  const config = putDocument(folder, `${OCI}.config.v1+json`, {
    architecture,
    os: "linux",
    config: { Cmd: ["/bin/true"] },
    rootfs,
  });
  const mediaType = `${OCI}.manifest.v1+json`;
  const manifest = putDocument(folder, mediaType, { schemaVersion: 2, mediaType, config, layers });
  const annotations = { "org.opencontainers.image.ref.name": "1" };
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(
    join(folder, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  return manifest.digest;
}

function putDocument(folder: string, mediaType: string, document: object): Blob {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = digestOf(bytes);
  writeFileSync(pathOf(folder, digest), bytes);
  return { mediaType, digest, size: bytes.length };
}

function pathOf(layout: string, digest: string): string {
  return join(layout, "blobs", digest.replace(":", "/"));
}

function digestOfFile(path: string): string {
  const out = Bun.spawnSync(["sha256sum", path]).stdout.toString();
  return `sha256:${out.slice(0, 64)}`;
}
