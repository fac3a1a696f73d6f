/**
 * Unpacks one tar in a process of its own: `bun untar-once.ts HOW TAR FOLDER`. `safe` is how teu does it; `paths` writes the same files by their
 * paths, as a program does that trusts its archive: what lies between the two is the price of trusting none. `…-sync` waits for the disk at the end.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  mkdirSync,
  openSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { blobChunks, openBlobFile } from "../src/content/index.ts";
import { applyLayer, type ByteString } from "../src/image/index.ts";
import type { TarEntry } from "../src/image/tar/entry.ts";
import { TarReader } from "../src/image/tar/reader.ts";
import type { Digest } from "../src/spec/index.ts";
import { check, layerFiles } from "../src/sys/index.ts";

const [how = "", tar = "", folder = ""] = process.argv.slice(2);
const source = blobChunks(openBlobFile(tar, "sha256:0" as Digest)); // as a blob of the store is read
const files = layerFiles<ByteString>();
if (how.startsWith("safe")) await applyLayer(source, folder, { files, mode: "plain", sync: false });
else await writeByPaths();
if (how.endsWith("-sync")) check(files.syncFileSystem(openSync(folder, "r")), "syncfs");

async function writeByPaths(): Promise<void> {
  const directories: TarEntry[] = [];
  let file = -1;
  let open: TarEntry | undefined;
  const reader = new TarReader({
    entry(entry) {
      const path = `${folder}/${entry.name}`;
      if (entry.type === "directory") {
        mkdirSync(path, { recursive: true });
        directories.push(entry);
      } else if (entry.type === "file") {
        file = openSync(path, "wx", 0o600);
        open = entry;
      } else throw new Error(`${entry.name}: neither a file nor a directory`);
    },
    data(bytes, position) {
      writeSync(file, bytes, 0, bytes.length, position);
    },
    entryEnd() {
      if (open === undefined) return;
      fchownSync(file, open.uid, open.gid);
      fchmodSync(file, open.mode);
      futimesSync(file, open.mtime.seconds, open.mtime.seconds);
      closeSync(file);
      open = undefined;
    },
  });
  for await (const chunk of source) reader.write(chunk as Buffer);
  reader.end();
  for (const { name, mode, mtime } of directories) {
    chmodSync(`${folder}/${name}`, mode);
    utimesSync(`${folder}/${name}`, mtime.seconds, mtime.seconds);
  }
}
