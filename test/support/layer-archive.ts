/** Layers as archives, and the trees that they become. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { byteString } from "../../src/image/index.ts";
import type { TarEntry } from "../../src/image/tar/entry.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "../../src/image/tar/writer.ts";

/** What differs from a plain file of the caller's. */
export interface Member extends Partial<Omit<TarEntry, "name" | "linkName" | "xattrs">> {
  name: string;
  to?: string;
  content?: string;
  xattrs?: Record<string, string>;
}

/** An archive of these. */
export function tar(...members: Member[]): Buffer {
  const parts = members.map(({ name, to = "", content = "", xattrs = {}, ...rest }) => {
    const bytes = Buffer.from(content);
    const attributes = Object.entries(xattrs).map(
      ([key, value]) => [byteString(key), Buffer.from(value)] as const,
    );
    const entry: TarEntry = {
      type: "file",
      size: bytes.length,
      mode: rest.type === "directory" ? 0o755 : 0o644,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      mtime: { seconds: 1_000_000, nanoseconds: 0 },
      major: 0,
      minor: 0,
      ...rest,
      name: byteString(name),
      linkName: byteString(to),
      xattrs: new Map(attributes),
    };
    return Buffer.concat([encodeEntry(entry), bytes, padding(bytes.length)]);
  });
  return Buffer.concat([...parts, END_OF_ARCHIVE]);
}

/** In pieces of so many bytes. */
export async function* chunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The tree below `at`: name, then type, mode, content or target. */
export function tree(at: string, prefix = ""): Record<string, string> {
  const all: Record<string, string> = {};
  for (const name of readdirSync(at).sort()) {
    const path = join(at, name);
    const stats = lstatSync(path);
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isDirectory())
      Object.assign(all, { [`${prefix}${name}/`]: mode }, tree(path, `${prefix}${name}/`));
    else if (stats.isSymbolicLink()) all[prefix + name] = `-> ${readlinkSync(path)}`;
    else if (stats.isFile()) all[prefix + name] = `${mode} ${readFileSync(path, "utf8")}`;
    else all[prefix + name] = stats.isFIFO() ? `${mode} fifo` : `${mode} device ${stats.rdev}`;
  }
  return all;
}

export const directory = (name: string, change: Partial<Member> = {}): Member => ({
  name,
  type: "directory",
  ...change,
});
export const symlink = (name: string, to: string): Member => ({ name, type: "symlink", to });
export const hardlink = (name: string, to: string): Member => ({ name, type: "hardlink", to });
