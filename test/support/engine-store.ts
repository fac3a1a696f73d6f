/** A store of the engine in a folder of its own, with images made on the spot: for unit tests of the engine. */
import { afterEach, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enginePaths } from "../../src/engine/paths.ts";
import { putImage } from "../../src/engine/store/images.ts";
import { openStore } from "../../src/engine/store/open-store.ts";
import type { Store } from "../../src/engine/store/store.ts";
import {
  type Descriptor,
  type Digest,
  digestOf,
  encodeReference,
  mediaTypes,
  parseReference,
} from "../../src/spec/index.ts";

/** A store that is gone when it is disposed of. */
export function makeStore(): { store: Store } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "teu-engine-"));
  const paths = enginePaths({ TEU_ROOT: join(folder, "root"), TEU_RUN: join(folder, "run") });
  return {
    store: openStore(paths),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Each test of a file has a store of its own, which is gone after it. @param use  Takes it. */
export function useStore(use: (store: Store) => void): void {
  let made: ReturnType<typeof makeStore>;
  beforeEach(() => {
    made = makeStore();
    use(made.store);
  });
  afterEach(() => made[Symbol.dispose]());
}

/** Puts bytes into the store. */
export function putBlob(store: Store, content: string | Uint8Array, mediaType: string): Descriptor {
  using ingest = store.content.ingest();
  ingest.write(typeof content === "string" ? Buffer.from(content) : content);
  return { mediaType, ...ingest.commit() };
}

/** The tar of files by their names; a value `=> name` makes a hard link to a member of this or a lower layer, `-> text` a symbolic one. */
export function tarOf(files: Readonly<Record<string, string>>): Uint8Array {
  const blocks: Buffer[] = [];
  for (const [name, content] of Object.entries(files)) {
    const link = /^[=-]> /.test(content) ? content.slice(3) : "";
    const linkType = content.startsWith("-") ? "2" : "1";
    const isFolder = name.endsWith("/");
    const body = Buffer.from(link === "" && !isFolder ? content : "");
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(isFolder ? "0000755\0" : "0000644\0", 100);
    header.write("0000000\0", 108);
    header.write("0000000\0", 116);
    header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        ", 148);
    header.write(isFolder ? "5" : link === "" ? "0" : linkType, 156);
    header.write(link, 157);
    header.write("ustar\0" + "00", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Stores an image of these layers, each a tar. @returns what a name can point at */
export function putManifest(store: Store, tars: readonly Uint8Array[], note = ""): Descriptor {
  const layers = tars.map((tar) => putBlob(store, tar, mediaTypes.layer));
  const config = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    author: note,
    rootfs: { type: "layers", diff_ids: tars.map((tar) => digestOf(tar)) },
  };
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: putBlob(store, JSON.stringify(config), mediaTypes.config),
    layers,
  };
  return putBlob(store, JSON.stringify(document), mediaTypes.manifest);
}

/** Calls what `target` describes `name`. */
export function nameImage(store: Store, name: string, { mediaType, digest, size }: Descriptor): void {
  const reference = encodeReference(parseReference(name));
  putImage(store.database, store.namespace, { reference, mediaType, digest, size });
}

/** Every blob of the store. */
export function blobsOf(store: Store): Digest[] {
  return [...store.content.digests()].sort();
}
