/** Whether a directory still has what a layer put there. Source: image-spec layer.md. */
import { closeSync } from "node:fs";
import { constants as os } from "node:os";
import { isUnprivileged } from "./attributes.ts";
import { type ByteString, decodeName } from "./byte-string.ts";
import { type ByteSource, decompress } from "./compression.ts";
import { check } from "./errors.ts";
import { fileTypes, type LayerFiles } from "./layer-files.ts";
import { joinPath, type LayerPath, parseLayerName } from "./layer-name.ts";
import type { TarEntry } from "./tar/entry.ts";
import { TarReader } from "./tar/reader.ts";

const O_PATH = 0o10000000;
const EMPTY = "" as ByteString;
const { ENOENT, ENOTDIR } = os.errno;
const MAX_DIFFERENCES = 10;

const TYPES: Readonly<Partial<Record<TarEntry["type"], number>>> = {
  file: fileTypes.regular,
  directory: fileTypes.directory,
  character: fileTypes.character,
  block: fileTypes.block,
  fifo: fileTypes.fifo,
};

/**
 * Reads the layer `source` and looks for its members in `directory`, into which it was unpacked: by name, type and size, not by
 * content. Links are not looked at: a layer below may have had them followed.
 * @returns what differs, the first few
 */
export async function compareLayer(
  source: ByteSource,
  directory: string,
  files: LayerFiles,
): Promise<string[]> {
  const members = await readMembers(source, !isUnprivileged(files));
  const root = check(files.openDirectory(directory), "open", directory);
  const differences: string[] = [];
  try {
    for (const [path, member] of members) {
      const difference = differenceAt(files, root, path, member);
      if (difference !== undefined) differences.push(`${JSON.stringify(decodeName(path))} ${difference}`);
      if (differences.length === MAX_DIFFERENCES) break;
    }
  } finally {
    closeSync(root);
  }
  return differences;
}

type Member = Pick<TarEntry, "type" | "size">;

/** The last member of each name, but those that a later one took away. */
async function readMembers(source: ByteSource, hasDevices: boolean): Promise<Map<LayerPath, Member>> {
  const members = new Map<LayerPath, Member>();
  const links = new Set<LayerPath>();
  const forget = (path: LayerPath): void => {
    for (const below of [...members.keys()])
      if (below === path || below.startsWith(`${path}/`)) members.delete(below);
  };
  const reader = new TarReader({
    entry({ name, type, size }) {
      const parsed = parseLayerName(name);
      if (parsed.kind !== "entry") return;
      const path = joinPath(parsed.parent, parsed.base);
      if (members.get(path)?.type === "directory" && type !== "directory") forget(path);
      const isNone = !hasDevices && (type === "character" || type === "block"); // see LayerWriter
      members.set(path, isNone ? { type: "file", size: 0 } : { type, size });
      if (type === "symlink") links.add(path);
    },
    data: () => undefined,
    entryEnd: () => undefined,
  });
  for await (const chunk of decompress(source)) reader.write(chunk);
  reader.end();
  // What lies below a link is where that leads.
  for (const path of members.keys())
    if ([...links].some((link) => path.startsWith(`${link}/`))) members.delete(path);
  return members;
}

function differenceAt(
  files: LayerFiles,
  root: number,
  path: LayerPath,
  { type, size }: Member,
): string | undefined {
  const wanted = TYPES[type];
  if (wanted === undefined) return undefined;
  const found = files.openInRoot(root, path, O_PATH);
  if (found === -ENOENT || found === -ENOTDIR) return "is missing";
  check(found, "open", path);
  try {
    const status = files.status(found, EMPTY);
    if (typeof status === "number") return undefined;
    if ((status.mode & fileTypes.mask) !== wanted) return "is of another type";
    return type === "file" && status.size !== size ? `has ${status.size} bytes, not ${size}` : undefined;
  } finally {
    closeSync(found);
  }
}
