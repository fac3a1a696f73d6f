/**
 * `dir:FOLDER`: skopeo's own form of one image in a folder: manifest.json, blobs under their bare hex, the manifests of an index
 * as HEX.manifest.json. A folder is written aside and takes its place when it is whole. Names come from digests, and files are
 * opened without following links: a folder may come from anywhere.
 * Source: containers/image, directory transport, version 1.1.
 */
import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { StorageFull, syncFolder, writeError, writeWhole } from "../../content/index.ts";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestEncoded,
  digestOf,
  MAX_MANIFEST_BYTES,
  parseManifestOrIndex,
} from "../../spec/index.ts";
import { InvalidPlace } from "./errors.ts";
import type { BlobOpener, ImageDestination, ImageDocument, ImageSource } from "./place.ts";

const VERSION = "Directory Transport Version: 1.1\n";
const MANIFEST = "manifest.json";

/** Opens a folder that is there. @throws {InvalidPlace} */
export function directorySource(folder: string): ImageSource {
  const name = `dir:${folder}`;
  if (!existsSync(join(folder, MANIFEST)))
    throw new InvalidPlace({ place: name, why: `it has no ${MANIFEST}` });
  const readSmall = (file: string): Uint8Array => {
    const descriptor = openFile(name, folder, file);
    try {
      if (fstatSync(descriptor).size > MAX_MANIFEST_BYTES)
        throw new InvalidPlace({ place: name, why: `${file} has more than ${MAX_MANIFEST_BYTES} bytes` });
      return readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  };
  return {
    name,
    // The folder does not say of what type the manifest is: it says so itself.
    async root() {
      const bytes = readSmall(MANIFEST);
      const { mediaType } = parseManifestOrIndex(bytes);
      return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength } };
    },
    readDocument: async ({ digest }) => readSmall(documentName(digest)),
    readBlob: ({ digest }) =>
      createReadStream("", { fd: openFile(name, folder, fileName(digest)), highWaterMark: 1 << 20 }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Opens a folder to be written: a new one, an empty one, or one that holds such an image, which is replaced. @throws {InvalidPlace} */
export function directoryDestination(path: string): ImageDestination {
  const folder = resolve(path);
  const name = `dir:${path}`;
  refuseForeign(name, folder);
  const draft = join(dirname(folder), `.${basename(folder)}.${process.pid}.tmp`);
  const old = `${draft}.old`;
  const written = new Set<Digest>();
  let isMade = false;
  const write = async (
    file: string,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> => {
    try {
      if (!isMade) mkdirSync(draft);
      isMade = true;
      await writeFile(join(draft, file), chunks);
    } catch (error) {
      const failure = writeError(error, folder);
      throw failure instanceof StorageFull || !(error instanceof Error && "syscall" in error)
        ? failure
        : new InvalidPlace({ place: name, why: `${file} cannot be written` }, { cause: error });
    }
  };
  return {
    name,
    isChecking: false,
    hasBlob: async ({ digest }) => written.has(digest),
    async writeBlob({ digest }: Descriptor, open: BlobOpener) {
      written.add(digest);
      await write(fileName(digest), open());
    },
    writeDocument: ({ descriptor, bytes }: ImageDocument) => write(documentName(descriptor.digest), [bytes]),
    async commit({ bytes }) {
      await write("version", [Buffer.from(VERSION)]);
      await write(MANIFEST, [bytes]);
      syncFolder(draft);
      refuseForeign(name, folder);
      const isThere = existsSync(folder);
      if (isThere) renameSync(folder, old);
      try {
        renameSync(draft, folder);
      } catch (error) {
        if (isThere) renameSync(old, folder);
        throw error;
      }
      syncFolder(dirname(folder));
    },
    async [Symbol.asyncDispose]() {
      rmSync(draft, { recursive: true, force: true });
      rmSync(old, { recursive: true, force: true });
    },
  };
}

/** What somebody keeps there is not ours to replace. */
function refuseForeign(place: string, folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw new InvalidPlace({ place, why: "it is not a folder that can be read" }, { cause: error });
  }
  if (names.length > 0 && !(names.includes("version") && names.includes(MANIFEST)))
    throw new InvalidPlace({ place, why: "it is not empty, and holds no such image" });
}

function fileName(digest: Digest): string {
  const algorithm = digestAlgorithm(digest);
  return algorithm === "sha256" ? digestEncoded(digest) : `${algorithm}-${digestEncoded(digest)}`;
}

function documentName(digest: Digest): string {
  return `${fileName(digest)}.manifest.json`;
}

/** Opens a regular file; O_NONBLOCK, since a fifo would hold us until somebody writes. */
function openFile(place: string, folder: string, file: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(
      join(folder, file),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const why = code === "ENOENT" ? "is not there" : code === "ELOOP" ? "is a link" : "cannot be opened";
    throw new InvalidPlace({ place, why: `${file} ${why}` }, { cause: error });
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new InvalidPlace({ place, why: `${file} is not a regular file` });
}

async function writeFile(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const descriptor = openSync(path, "wx", 0o644);
  try {
    let at = 0;
    for await (const chunk of chunks) {
      writeWhole(descriptor, chunk, at);
      at += chunk.byteLength;
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
