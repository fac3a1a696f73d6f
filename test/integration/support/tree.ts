/** A file tree as text: a line for each name, with everything that an unpacker must get right. */
import { createHash } from "node:crypto";
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Names are bytes: not all of them are UTF-8. */
type Name = Buffer<ArrayBuffer>;

/** The tree at `root`, by name: kind, mode, owner, modification time in nanoseconds, content, target, device, links. */
export function describeTree(root: string): string[] {
  const entries = walk(Buffer.from(root), Buffer.alloc(0)).sort((a, b) => Buffer.compare(a.name, b.name));
  const firstOfInode = new Map<bigint, string>();
  return [...entries.map((entry) => describe(entry, firstOfInode)), ...extendedAttributes(root)];
}

interface Entry {
  /** Relative to the root; the root's own is empty. */
  readonly name: Name;
  readonly path: Name;
  readonly stats: BigIntStats;
}

/** Everything at and under `path`. Each is asked for itself: Bun's `withFileTypes` has no names that are bytes. */
function walk(path: Name, name: Name): Entry[] {
  const stats = lstatSync(path, { bigint: true });
  const entries = [{ name, path, stats }];
  if (!stats.isDirectory()) return entries;
  const slash = Buffer.from("/");
  for (const child of readdirSync(path, { encoding: "buffer" })) {
    const childName = name.length === 0 ? child : Buffer.concat([name, slash, child]);
    entries.push(...walk(Buffer.concat([path, slash, child]), childName));
  }
  return entries;
}

function describe(entry: Entry, firstOfInode: Map<bigint, string>): string {
  const { path, stats } = entry;
  const name = entry.name.toString("latin1");
  const words = [
    JSON.stringify(name),
    stats.mode.toString(8),
    `${stats.uid}:${stats.gid}`,
    `${stats.mtimeNs}`,
  ];
  if (stats.isFile())
    words.push(`${stats.size}`, createHash("sha256").update(readFileSync(path)).digest("hex"));
  if (stats.isSymbolicLink()) words.push(readlinkSync(path, "latin1"));
  if (stats.isBlockDevice() || stats.isCharacterDevice()) words.push(`device ${stats.rdev}`);
  if (!stats.isDirectory() && stats.nlink > 1n) {
    // The group is named after its first name in order.
    const first = firstOfInode.get(stats.ino) ?? name;
    firstOfInode.set(stats.ino, first);
    words.push(`${stats.nlink} links, the first ${JSON.stringify(first)}`);
  }
  return words.join(" ");
}

/** getfattr's own words: bytes in hexadecimal, names relative to the root. */
function extendedAttributes(root: string): string[] {
  const { stdout } = Bun.spawnSync(["getfattr", "-R", "-h", "-d", "-m", "-", "-e", "hex", "."], {
    cwd: root,
  });
  return stdout
    .toString()
    .split("\n\n")
    .filter((file) => file !== "")
    .sort();
}
