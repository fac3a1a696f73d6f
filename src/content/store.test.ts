import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, digestOf, emptyDescriptor, mediaTypes, parseDigest } from "../spec/index.ts";
import { ContentStore, type Ingest } from "./index.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "teu-content-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(store: ContentStore, bytes: Uint8Array | string): Digest {
  using ingest = store.ingest();
  ingest.write(Buffer.from(bytes));
  return ingest.commit().digest;
}

describe("layout", () => {
  test("ContentStore.open() makes an image layout, and opens it again", () => {
    const at = join(root, "new/store");
    ContentStore.open(at);
    expect(JSON.parse(readFileSync(join(at, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
    const index = JSON.parse(readFileSync(join(at, "index.json"), "utf8"));
    expect(index).toEqual({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] });
    ContentStore.open(at).index.name({ ...emptyDescriptor }, "a");
    expect(ContentStore.open(at).index.find("a")?.size).toBe(2);
    expect(readdirSync(at).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  test.each([
    ["another version", '{"imageLayoutVersion":"2.0.0"}'],
    ["no JSON", "<html>"],
  ])("ContentStore.open() refuses an oci-layout of %s", (_, text) => {
    writeFileSync(join(root, "oci-layout"), text);
    expect(() => ContentStore.open(root)).toThrow(expect.objectContaining({ code: "invalid-layout" }));
  });

  test("blobs that are links are refused, not read", () => {
    const store = ContentStore.open(root);
    const digest = digestOf("secret");
    writeFileSync(join(root, "outside"), "secret");
    symlinkSync(join(root, "outside"), store.path(digest));
    const refusal = expect.objectContaining({ code: "invalid-layout" });
    expect(() => store.openBlob(digest)).toThrow(refusal);
    expect(() => store.readBytes(digest, 100)).toThrow(refusal);
    expect(() => store.has(digest)).toThrow(refusal);
    expect([...store.digests()]).toEqual([]);
  });

  test("a folder of blobs that is a link is refused", () => {
    const elsewhere = join(root, "elsewhere");
    mkdirSync(elsewhere);
    const layout = join(root, "layout");
    ContentStore.open(layout);
    rmSync(join(layout, "blobs/sha256"), { recursive: true });
    symlinkSync(elsewhere, join(layout, "blobs/sha256"));
    const refusal = expect.objectContaining({ code: "invalid-layout" });
    expect(() => ContentStore.open(layout).has(digestOf("x"))).toThrow(refusal);
    expect(() => put(ContentStore.open(layout), "x")).toThrow(refusal);
    expect(readdirSync(elsewhere)).toEqual([]);
  });
});

describe("blobs", () => {
  test("what was committed can be read whole, as a stream, and in part", async () => {
    const store = ContentStore.open(root);
    const bytes = Buffer.alloc(3_000_000, "0123456789");
    const digest = put(store, bytes);
    expect(digest).toBe(digestOf(bytes));
    expect(store.has(digest)).toBe(true);
    expect(store.stat(digest)).toEqual({ size: 3_000_000 });
    expect(Buffer.from(store.readBytes(digest, 4_000_000)).equals(bytes)).toBe(true);
    const read = async (range?: { start?: number; end?: number }) =>
      Buffer.from(await new Response(store.readStream(digest, range)).arrayBuffer()).toString();
    expect((await read()) === bytes.toString()).toBe(true);
    expect(await read({ start: 5, end: 12 })).toBe("5678901");
    expect(await read({ start: 2_999_998 })).toBe("89");
    expect(await read({ start: 2_999_998, end: 9_000_000 })).toBe("89");
    expect(await read({ start: 7, end: 7 })).toBe("");
    expect(await read({ start: 5_000_000 })).toBe("");
    expect([...store.digests()]).toEqual([digest]);
  });

  test("readBytes() refuses a blob that changed on disk, one that is too large and one that is missing", () => {
    const store = ContentStore.open(root);
    const digest = put(store, "hello");
    expect(() => store.readBytes(digest, 4)).toThrow(expect.objectContaining({ code: "blob-too-large" }));
    writeFileSync(store.path(digest), "hellO");
    expect(() => store.readBytes(digest, 5)).toThrow(expect.objectContaining({ code: "digest-mismatch" }));
    const absent = digestOf("absent");
    expect(() => store.readBytes(absent, 5)).toThrow(expect.objectContaining({ code: "blob-not-found" }));
    expect(() => store.readStream(absent)).toThrow(expect.objectContaining({ code: "blob-not-found" }));
    expect(store.stat(absent)).toBeUndefined();
  });

  test("a cancelled stream closes its file", async () => {
    const store = ContentStore.open(root);
    const digest = put(store, Buffer.alloc(3 << 20));
    const before = readdirSync("/proc/self/fd").length;
    const reader = store.readStream(digest).getReader();
    await reader.read();
    await reader.cancel();
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  test("delete() says whether the blob was here, and readers go on", () => {
    const store = ContentStore.open(root);
    const digest = put(store, "hello");
    using blob = store.openBlob(digest);
    expect(store.delete(digest)).toBe(true);
    expect(store.delete(digest)).toBe(false);
    expect(store.has(digest)).toBe(false);
    expect(readFileSync(blob.descriptor, "utf8")).toBe("hello");
  });
});

describe("ingest", () => {
  test("nothing is visible before commit, and nothing is left after it", () => {
    const store = ContentStore.open(root);
    const ingest = store.ingest({ expected: { size: 5, digest: digestOf("hello") } });
    ingest.write(Buffer.from("hel"));
    ingest.write(Buffer.from("lo"));
    expect([...store.digests()]).toEqual([]);
    expect(ingest.offset).toBe(5);
    expect(ingest.commit()).toEqual({ digest: digestOf("hello"), size: 5 });
    expect([...store.digests()]).toEqual([digestOf("hello")]);
    expect(store.ingests()).toEqual([]);
  });

  test("commitAsync() does the same", async () => {
    const store = ContentStore.open(root);
    using ingest = store.ingest();
    ingest.write(Buffer.from("hello"));
    expect(await ingest.commitAsync({ digest: digestOf("hello") })).toEqual({
      digest: digestOf("hello"),
      size: 5,
    });
    expect(store.has(digestOf("hello"))).toBe(true);
  });

  test.each([
    { says: "other content", expected: { digest: digestOf("hellO") }, code: "digest-mismatch" },
    { says: "fewer bytes", expected: { size: 6 }, code: "size-mismatch" },
    { says: "another size", expected: { size: 4 }, code: "size-mismatch" },
    { says: "another sha512", expected: { digest: digestOf("x", "sha512") }, code: "digest-mismatch" },
    {
      says: "an unknown algorithm",
      expected: { digest: parseDigest("md5:abc") },
      code: "unsupported-digest-algorithm",
    },
  ])("commit() refuses $says and shows nothing", ({ expected, code }) => {
    const store = ContentStore.open(root);
    {
      using ingest = store.ingest();
      ingest.write(Buffer.from("hello"));
      expect(() => ingest.commit(expected)).toThrow(expect.objectContaining({ code }));
    }
    expect([...store.digests()]).toEqual([]);
    expect(store.ingests()).toEqual([]);
  });

  test("write() refuses the first byte too many", () => {
    using ingest = ContentStore.open(root).ingest({ expected: { size: 4 } });
    expect(() => ingest.write(Buffer.from("hello"))).toThrow(
      expect.objectContaining({ code: "size-mismatch" }),
    );
    expect(ingest.offset).toBe(0);
  });

  test("commit() hashes again when the algorithm is learned only then", () => {
    const store = ContentStore.open(root);
    using ingest = store.ingest();
    ingest.write(Buffer.from("hello"));
    const digest = digestOf("hello", "sha512");
    expect(ingest.commit({ digest }).digest).toBe(digest);
    expect(Buffer.from(store.readBytes(digest, 5)).toString()).toBe("hello");
  });

  test("a closed ingest takes nothing", () => {
    const ingest = ContentStore.open(root).ingest();
    ingest.commit();
    expect(() => ingest.write(Buffer.from("x"))).toThrow(expect.objectContaining({ code: "ingest-closed" }));
    expect(() => ingest.commit()).toThrow(expect.objectContaining({ code: "ingest-closed" }));
    ingest.abort();
  });

  test("a suspended ingest is resumed where it was", () => {
    const store = ContentStore.open(root);
    const first = store.ingest({ id: "upload:1" });
    first.write(Buffer.from("hel"));
    first.suspend();
    expect(store.ingests()).toMatchObject([{ id: "upload:1", offset: 3, isOwned: false }]);
    expect(() => store.ingest({ id: "upload:1" })).toThrow(
      expect.objectContaining({ kind: "already-exists" }),
    );
    using second = store.resumeIngest("upload:1");
    expect(second.offset).toBe(3);
    second.write(Buffer.from("lo"));
    expect(second.commit().digest).toBe(digestOf("hello"));
    // The hash is made of what was written; the file once was not, since the rest had gone to its beginning.
    expect(Buffer.from(store.readBytes(digestOf("hello"), 10)).toString()).toBe("hello");
  });

  test("an ingest has one writer", () => {
    const store = ContentStore.open(root);
    using _writer: Ingest = store.ingest({ id: "a" });
    const inUse = expect.objectContaining({ code: "ingest-in-use", kind: "failed-precondition" });
    expect(() => store.resumeIngest("a")).toThrow(inUse);
    expect(() => store.ingest({ id: "a" })).toThrow(inUse);
    expect(() => store.resumeIngest("b")).toThrow(expect.objectContaining({ code: "ingest-not-found" }));
  });

  test.each(["../x", "a/b", "", ".", "a".repeat(201), "-", "a\0"])("ingest() refuses the id %j", (id) => {
    expect(() => ContentStore.open(root).ingest({ id })).toThrow(
      expect.objectContaining({ code: "invalid-ingest-id" }),
    );
  });

  test("pruneIngests() removes what is old and nobody's", () => {
    const store = ContentStore.open(root);
    store.ingest({ id: "left" }).suspend();
    using _owned = store.ingest({ id: "owned" });
    expect(store.pruneIngests(60_000)).toEqual([]);
    expect(store.pruneIngests(-1000)).toEqual(["left"]);
    expect(store.ingests().map(({ id }) => id)).toEqual(["owned"]);
  });
});

const WRITER = `
  const { ContentStore } = await import(process.env.CONTENT);
  const ingest = ContentStore.open(process.env.ROOT).ingest({ id: "killed" });
  ingest.write(Buffer.alloc(2 << 20, "x"));
  console.log("half way");
  setInterval(() => {}, 1000);
`;

const RIVAL = `
  const { ContentStore, IngestInUse, IngestNotFound } = await import(process.env.CONTENT);
  const store = ContentStore.open(process.env.ROOT);
  const begin = () => {
    try {
      return store.ingest({ id: "one" });
    } catch (error) {
      if (error instanceof IngestNotFound) return;
      if (!(error instanceof IngestInUse)) throw error;
      if (error.context.why === "owned") return;
    }
    try {
      return store.resumeIngest("one");
    } catch (error) {
      if (error instanceof IngestNotFound) store.discardIngest("one");
      else if (!(error instanceof IngestInUse)) throw error;
    }
  };
  for (let taken = 0; taken < 60; ) {
    using ingest = begin();
    if (ingest === undefined) continue;
    ingest.write(Buffer.from("x"));
    ingest.commit();
    taken++;
  }
`;

test("of processes that take in one blob again and again none removes what another has begun", async () => {
  const rivals = Array.from({ length: 4 }, () =>
    Bun.spawn([process.execPath, "-e", RIVAL], {
      env: { CONTENT: join(import.meta.dir, "index.ts"), ROOT: root, PATH: process.env["PATH"] },
      stderr: "pipe",
    }),
  );
  const said = await Promise.all(rivals.map(({ stderr }) => stderr.text()));
  expect(said).toEqual(["", "", "", ""]);
  expect(readdirSync(join(root, "ingest"))).toEqual([]);
});

test("a process that is killed in the middle leaves nothing visible, and another one goes on", async () => {
  const child = Bun.spawn([process.execPath, "-e", WRITER], {
    env: { CONTENT: join(import.meta.dir, "index.ts"), ROOT: root, PATH: process.env["PATH"] },
    stdout: "pipe",
  });
  await child.stdout.getReader().read();
  const store = ContentStore.open(root);
  expect(() => store.resumeIngest("killed")).toThrow(expect.objectContaining({ code: "ingest-in-use" }));
  expect(store.pruneIngests(-1000)).toEqual([]);
  child.kill("SIGKILL");
  await child.exited;
  expect([...store.digests()]).toEqual([]);
  expect(store.ingests()).toMatchObject([{ id: "killed", offset: 2 << 20, isOwned: false }]);
  using ingest = store.resumeIngest("killed");
  expect(ingest.offset).toBe(2 << 20);
  ingest.write(Buffer.from("y"));
  expect(ingest.commit().digest).toBe(digestOf(`${"x".repeat(2 << 20)}y`));
});

test.skipIf(process.getuid?.() !== 0)("a full disk is one error, and nothing stays", () => {
  const run = (...command: string[]) => expect(Bun.spawnSync(command).exitCode).toBe(0);
  run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", root);
  try {
    const store = ContentStore.open(root);
    {
      using ingest = store.ingest();
      const error = expect.objectContaining({ code: "storage-full", kind: "exhausted" });
      expect(() => ingest.write(Buffer.alloc(1 << 20))).toThrow(error);
    }
    expect(existsSync(join(root, "ingest"))).toBe(true);
    expect(store.ingests()).toEqual([]);
    expect(put(store, "fits")).toBe(digestOf("fits"));
  } finally {
    run("umount", root);
  }
});
