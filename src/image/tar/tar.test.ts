import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type ByteString, byteString } from "../byte-string.ts";
import { InvalidArchive, type TarEntry } from "./entry.ts";
import { encodePaxRecord } from "./pax.ts";
import { TarReader } from "./reader.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "./writer.ts";

interface Found {
  entry: TarEntry;
  content: Buffer;
}

function read(archive: Uint8Array, chunkSize = archive.length || 1): Found[] {
  const found: Found[] = [];
  const reader = new TarReader({
    entry: (entry) => found.push({ entry, content: Buffer.alloc(Math.min(entry.size, 1 << 20)) }),
    data: (bytes, position) => {
      bytes.copy(found.at(-1)?.content ?? Buffer.alloc(0), position);
    },
    entryEnd: () => undefined,
  });
  for (let at = 0; at < archive.length; at += chunkSize)
    reader.write(Buffer.from(archive.subarray(at, at + chunkSize)));
  reader.end();
  return found;
}

const plain: TarEntry = {
  name: byteString("file"),
  type: "file",
  size: 0,
  linkName: byteString(""),
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1, nanoseconds: 0 },
  major: 0,
  minor: 0,
  xattrs: new Map(),
};

function member(change: Partial<TarEntry>, content = ""): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([
    encodeEntry({ ...plain, size: bytes.length, ...change }),
    bytes,
    padding(bytes.length),
  ]);
}

/** A header with this type flag, whatever the rest of the tool thinks of it, and its body. */
function raw(
  flag: string,
  body: Uint8Array | string,
  change: (block: Buffer) => void = () => undefined,
): Buffer {
  const bytes = Buffer.from(body as string);
  const block = encodeEntry({ ...plain, size: bytes.length });
  block.write(flag, 156, "latin1");
  change(block);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([block, bytes, padding(bytes.length)]);
}

const pax = (...records: [string, string][]): Buffer =>
  raw("x", Buffer.concat(records.map(([key, value]) => encodePaxRecord(key, value))));

const archive = (...parts: Uint8Array[]): Buffer => Buffer.concat([...parts, END_OF_ARCHIVE]);
const namesOf = (bytes: Uint8Array): string[] => read(bytes).map(({ entry }) => entry.name);

describe("TarReader and encodeEntry()", () => {
  const names = fc
    .string({ unit: "binary", minLength: 1, maxLength: 300 })
    .map((text) => text.replaceAll("\0", "x"));
  test("any entry that is written is read back, whatever the chunks", () => {
    const arbitrary = fc.record({
      name: names.map(byteString),
      type: fc.constantFrom("file", "symlink", "directory", "fifo", "character") as fc.Arbitrary<
        TarEntry["type"]
      >,
      linkName: fc.oneof(fc.constant(byteString("")), names.map(byteString)),
      mode: fc.integer({ min: 0, max: 0o7777 }),
      uid: fc.integer({ min: 0, max: 0xffff_fffe }),
      gid: fc.integer({ min: 0, max: 0xffff_fffe }),
      mtime: fc.record({
        seconds: fc.integer({ min: -(2 ** 35), max: 2 ** 35 }),
        nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
      }),
      major: fc.integer({ min: 0, max: 0xfff }),
      minor: fc.integer({ min: 0, max: 0xfffff }),
      xattrs: fc
        .dictionary(
          fc.string({ minLength: 1, maxLength: 20 }).filter((key) => !/[=\0]/.test(key) && key.trim() !== ""),
          fc.uint8Array({ minLength: 1 }),
        )
        .map(
          (record) =>
            new Map(Object.entries(record).map(([key, value]) => [byteString(key), Buffer.from(value)])),
        ),
    });
    fc.assert(
      fc.property(
        arbitrary,
        fc.uint8Array({ maxLength: 2000 }),
        fc.integer({ min: 1, max: 3000 }),
        (fields, content, chunk) => {
          const bytes = fields.type === "file" ? Buffer.from(content) : Buffer.alloc(0);
          const entry: TarEntry = { ...fields, size: bytes.length };
          const found = read(archive(encodeEntry(entry), bytes, padding(bytes.length), member({})), chunk);
          expect(found).toHaveLength(2);
          expect(found[0]?.entry).toEqual(entry);
          expect(found[0]?.content.equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("any bytes are read or refused, never anything else", () => {
    const valid = archive(
      member({ name: byteString("a") }, "hello"),
      pax(["path", "b"]),
      member({}),
      raw("L", "long\0"),
      member({}),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 20 }),
        fc.nat(valid.length),
        (changes, end) => {
          const bytes = Buffer.from(valid);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            read(bytes.subarray(0, end), 700);
          } catch (error) {
            if (!(error instanceof InvalidArchive)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("pax and GNU extensions", () => {
  test("an extended header overrides its member's and no other's", () => {
    const found = read(
      archive(
        pax(
          ["path", "p/ä"],
          ["mtime", "1700000000.25"],
          ["uid", "3000000"],
          ["comment", "x"],
          ["SCHILY.xattr.user.a", "v"],
        ),
        member({}, "one"),
        member({ name: byteString("second") }, "two"),
      ),
    );
    expect(found[0]?.entry).toMatchObject({
      name: byteString("p/ä"),
      uid: 3_000_000,
      mtime: { seconds: 1_700_000_000, nanoseconds: 250_000_000 },
      xattrs: new Map([[byteString("user.a"), Buffer.from("v")]]),
    });
    expect(found[1]?.entry).toMatchObject({ name: byteString("second"), uid: 0, xattrs: new Map() });
  });

  test("a PAX size counts for the file, not for the GNU long name before it (CVE-2025-62518)", () => {
    const hidden = archive(member({ name: byteString("hidden") }));
    const file = raw("0", hidden, (block) => block.write("00000000000\0", 124, "latin1"));
    const bytes = archive(
      pax(["size", String(hidden.length)]),
      raw("L", "long name\0"),
      file,
      member({ name: byteString("after") }),
    );
    expect(namesOf(bytes)).toEqual(["long name", "after"]);
  });

  test("a PAX path beats a GNU long name, which beats the header", () => {
    expect(namesOf(archive(raw("L", "gnu\0"), member({})))).toEqual(["gnu"]);
    expect(namesOf(archive(pax(["path", "pax"]), raw("L", "gnu\0"), member({})))).toEqual(["pax"]);
  });

  test("LIBARCHIVE.xattr is decoded, SCHILY.xattr beats it", () => {
    const value = Buffer.from([0, 1, 2]);
    const found = read(
      archive(
        pax(
          ["LIBARCHIVE.xattr.user.a%3Db", value.toString("base64")],
          ["SCHILY.xattr.user.c", "1"],
          ["LIBARCHIVE.xattr.user.c", "Mg=="],
        ),
        member({}),
      ),
    );
    const { xattrs } = found[0]?.entry ?? plain;
    expect(xattrs.get(byteString("user.a=b"))).toEqual(value);
    expect(xattrs.get(byteString("user.c"))).toEqual(Buffer.from("1"));
  });

  test("a global header gives times and owners, until a member's own", () => {
    const global = raw("g", Buffer.concat([encodePaxRecord("comment", "c"), encodePaxRecord("uid", "7")]));
    const found = read(
      archive(global, member({}), pax(["uid", "8"]), member({}), pax(["uid", ""]), member({ uid: 9 })),
    );
    expect(found.map(({ entry }) => entry.uid)).toEqual([7, 8, 9]);
  });

  test.each(["path", "linkpath", "size", "GNU.sparse.major"])(
    "a global header that sets %s is refused",
    (key) => {
      expect(() => namesOf(archive(raw("g", encodePaxRecord(key, "1")), member({})))).toThrow(InvalidArchive);
    },
  );

  test.each([
    ["a length that is too large", "99 a=b\n"],
    ["a length that is too small", "3 a=b\n"],
    ["no equals sign", "6 abc\n"],
    ["no newline", "6 a=bc"],
    ["no key", "5 =b\n"],
    ["a length with a sign", "+6 a=b\n"],
    ["a path with a NUL", encodePaxRecord("path", "a\0b")],
    ["a size that is no number", encodePaxRecord("size", "1e3")],
    ["a size beyond what a number holds", encodePaxRecord("size", "9007199254740993")],
    ["a time that is none", encodePaxRecord("mtime", "now")],
    ["an owner beyond 2^32", encodePaxRecord("uid", "4294967296")],
    ["the owner -1", encodePaxRecord("uid", "4294967295")],
    ["an attribute without a name", encodePaxRecord("SCHILY.xattr.", "x")],
  ])("an extended header with %s is refused", (_, body) => {
    expect(() => namesOf(archive(raw("x", body), member({})))).toThrow(InvalidArchive);
  });

  test("an extended header of 8 GB is refused at once", () => {
    const block = raw("x", "", (header) => header.write("77777777777\0", 124, "latin1"));
    expect(() => namesOf(block)).toThrow(InvalidArchive);
  });

  test.each(["x", "L", "K"])("two headers of type %s for one member are refused", (flag) => {
    const header = raw(flag, flag === "x" ? encodePaxRecord("path", "a") : "a\0");
    expect(() => namesOf(archive(header, header, member({})))).toThrow(InvalidArchive);
  });
});

describe("headers", () => {
  test("base-256 numbers are read, negative times too", () => {
    const found = read(
      archive(
        raw("0", "", (block) => {
          Buffer.from("ffffffffffffffffffffffff", "hex").copy(block, 136);
          Buffer.from("8000000000300000", "hex").copy(block, 108);
        }),
      ),
    );
    expect(found[0]?.entry).toMatchObject({ mtime: { seconds: -1, nanoseconds: 0 }, uid: 0x300000 });
  });

  test.each([
    [
      "a wrong checksum",
      (block: Buffer) => {
        block[0] = (block[0] ?? 0) ^ 1;
      },
      false,
    ],
    [
      "a negative size",
      (block: Buffer) => {
        block.fill(0xff, 124, 136);
      },
      true,
    ],
    [
      "a size that is text",
      (block: Buffer) => {
        block.write("hello", 124, "latin1");
      },
      true,
    ],
    [
      "an unknown type",
      (block: Buffer) => {
        block.write("Z", 156, "latin1");
      },
      true,
    ],
  ] as const)("%s is refused", (_, change, sums) => {
    const bytes = sums ? raw("0", "", change) : raw("0", "");
    if (!sums) change(bytes);
    expect(() => namesOf(archive(bytes))).toThrow(InvalidArchive);
  });

  test("content that a header claims for a link or a directory is not there", () => {
    const link = raw("1", "", (block) => block.write("00000001000\0", 124, "latin1"));
    const directory = raw("5", "", (block) => block.write("00000001000\0", 124, "latin1"));
    expect(namesOf(archive(link, directory, member({ name: byteString("next") })))).toEqual([
      "file",
      "file",
      "next",
    ]);
  });

  test("an archive that ends within a member is refused, one that only lacks its end mark is not", () => {
    const bytes = member({}, "hello");
    expect(namesOf(bytes)).toEqual(["file"]);
    // The content is all there: what is missing is padding, which 'umoci insert' leaves out at the end of a layer.
    for (const end of [517, 600]) expect(namesOf(bytes.subarray(0, end))).toEqual(["file"]);
    for (const end of [100, 512, 514, 516])
      expect(() => namesOf(bytes.subarray(0, end))).toThrow(InvalidArchive);
    expect(() => namesOf(pax(["path", "a"]))).toThrow(InvalidArchive);
  });

  test("what follows the end mark is not read; a member after one block of zeros is refused", () => {
    expect(namesOf(Buffer.concat([archive(member({})), member({ name: byteString("later") })]))).toEqual([
      "file",
    ]);
    expect(() => namesOf(archive(member({}), Buffer.alloc(512), member({})))).toThrow(InvalidArchive);
  });
});

describe("sparse files", () => {
  const folder = mkdtempSync(join(tmpdir(), "teu-sparse-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const want = Buffer.alloc(700_000);
  for (let part = 0; part < 12; part++) want.write(`part ${part}`, part * 60_000, "latin1");
  writeFileSync(join(folder, "holes"), "");
  Bun.spawnSync(["truncate", "-s", "700000", "holes"], { cwd: folder });
  for (let part = 0; part < 12; part++)
    Bun.spawnSync(["dd", "of=holes", "bs=1", `seek=${part * 60_000}`, "conv=notrunc", "status=none"], {
      cwd: folder,
      stdin: Buffer.from(`part ${part}`),
    });

  test.each(["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"])(
    "what GNU tar packs with %s is read",
    (flag) => {
      const format = flag.startsWith("--sparse") ? ["--format=pax", flag] : [flag];
      const packed = Bun.spawnSync(
        ["tar", "--sparse", "--hole-detection=raw", ...format, "-cf", "-", "holes"],
        { cwd: folder },
      );
      expect(packed.stdout.length).toBeLessThan(300_000);
      for (const chunk of [packed.stdout.length, 511]) {
        const [found, ...others] = read(packed.stdout, chunk);
        expect(others).toEqual([]);
        expect(found?.entry).toMatchObject({ name: "holes" as ByteString, size: 700_000 });
        expect(found?.content.equals(want)).toBe(true);
      }
    },
  );

  const map = (text: string, content = "x"): Buffer =>
    archive(
      pax(
        ["GNU.sparse.major", "0"],
        ["GNU.sparse.minor", "1"],
        ["GNU.sparse.name", "s"],
        ["GNU.sparse.size", "100"],
        ["GNU.sparse.numblocks", String(text === "" ? 0 : text.split(",").length / 2)],
        ["GNU.sparse.map", text],
      ),
      member({}, content),
    );

  test("a right map passes", () => expect(namesOf(map("5,1"))).toEqual(["s"]));
  test.each([
    ["overlapping parts", "5,1,5,0,2,0"],
    ["a part outside the file", "100,1"],
    ["more bytes than are stored", "5,2"],
    ["fewer bytes than are stored", ""],
    ["a negative offset", "-1,1"],
    ["an offset that overflows", "9007199254740991,1"],
    ["an odd count", "5,1,7"],
  ])("a map with %s is refused", (_, text) => {
    expect(() => namesOf(map(text))).toThrow(InvalidArchive);
  });

  test("a map of ten million parts is refused before it is built (CVE-2025-58183)", () => {
    const leading = raw("0", `${10_000_000}\n${"0\n0\n".repeat(2000)}`);
    const records = pax(
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", "s"],
      ["GNU.sparse.realsize", "1"],
    );
    expect(() => namesOf(archive(records, leading))).toThrow(InvalidArchive);
    const old = raw("S", "", (block) => {
      block[482] = 1;
      block.write("00000000000\0", 483, "latin1");
    });
    const more = Buffer.alloc(512);
    for (let part = 0; part < 21; part++) more.write("00000000000\x0000000000000\0", part * 24, "latin1");
    more[504] = 1;
    expect(() => namesOf(Buffer.concat([old, ...Array.from({ length: 4000 }, () => more)]))).toThrow(
      InvalidArchive,
    );
  });
});

test("GNU tar lists what encodeEntry() writes", () => {
  const long = `${"d/".repeat(120)}file`;
  const bytes = archive(
    member({ name: byteString("./a"), type: "directory", mode: 0o1777 }),
    member({ name: byteString(long), mtime: { seconds: 1_700_000_000, nanoseconds: 5 } }, "content"),
    member({ name: byteString("link"), type: "symlink", linkName: byteString("x".repeat(150)) }),
    member({ name: byteString("big"), uid: 5_000_000 }),
  );
  const listed = Bun.spawnSync(["tar", "-tf", "-"], { stdin: bytes });
  expect(listed.stderr.toString()).toBe("");
  expect(listed.stdout.toString().trim().split("\n")).toEqual(["./a", long, "link", "big"]);
});

/** What others take a member for is what a scanner looks at: where we see another one, an image hides something (TARmageddon, CVE-2025-62518). */
describe("GNU tar and Python's tarfile see the same members as TarReader", () => {
  const inner = archive(member({ name: byteString("hidden") }, "x"));
  const sized = (size: number, body: Buffer): Buffer =>
    raw("0", body, (block) => block.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1"));
  const after = member({ name: byteString("after") });
  const cases: [string, Buffer][] = [
    [
      "an archive in a file",
      archive(member({ name: byteString("nested") }, inner.toString("latin1")), after),
    ],
    ["a PAX size over a header's 0", archive(pax(["size", String(inner.length)]), sized(0, inner), after)],
    ["a PAX size over a smaller one", archive(pax(["size", String(inner.length)]), sized(512, inner), after)],
    ["a GNU long name", archive(raw("L", `${"n".repeat(150)}\0`), member({}, "x"), after)],
    ["a PAX path with a header's name", archive(pax(["path", "other"]), member({}, "x"), after)],
    ["a global header", archive(raw("g", encodePaxRecord("comment", "c")), member({}), after)],
    ["one block of zeros, then members no more", archive(member({}, "x")).subarray(0, -512)],
    ["what follows the end", Buffer.concat([archive(member({}, "x")), after])],
  ];
  const python = Bun.which("python3");
  test.each(cases)("%s", (_, bytes) => {
    const ours = namesOf(bytes);
    const listed = Bun.spawnSync(["tar", "-tf", "-"], { stdin: bytes, stderr: "ignore" });
    expect(listed.stdout.toString().trim().split("\n")).toEqual(ours);
    if (python === null) return;
    const script =
      "import sys,tarfile\nfor m in tarfile.open(fileobj=sys.stdin.buffer,mode='r|'): print(m.name)";
    const theirs = Bun.spawnSync([python, "-c", script], { stdin: bytes, stderr: "inherit" });
    expect(theirs.stdout.toString().trim().split("\n")).toEqual(ours);
  });

  test("of a header whose checksum is wrong none is seen by any", () => {
    const bytes = archive(member({}, "x"), after);
    bytes.writeUInt8(0x39, 148);
    expect(() => namesOf(bytes)).toThrow();
    expect(Bun.spawnSync(["tar", "-tf", "-"], { stdin: bytes, stderr: "ignore" }).exitCode).not.toBe(0);
  });
});
