/** What every place for blobs must do, whatever keeps them: one subject is asked through `BlobStore` and nothing else. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type BlobIngest, type BlobStore, holdsBlob, isWhole } from "../../../src/content/index.ts";
import { type Digest, digestOf, parseDigest } from "../../../src/spec/index.ts";

/** A place, empty at first, and gone when it is disposed of. */
export interface BlobPlace extends Disposable {
  /** Opens it, each time as another process would. */
  open(): BlobStore;
}

const HELLO = Buffer.from("hello");
const hello = digestOf(HELLO);
const MANY = Buffer.alloc(3_000_000, "0123456789");

function failsWith(code: string): unknown {
  return expect.objectContaining({ code });
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

/** @param make  Makes an empty one. */
export function blobStoreSuite(make: () => BlobPlace): void {
  let place: BlobPlace;
  let store: BlobStore;
  beforeEach(() => {
    place = make();
    store = place.open();
  });
  afterEach(() => place[Symbol.dispose]());

  function put(bytes: Uint8Array, to = store): Digest {
    using ingest = to.ingest();
    ingest.write(bytes);
    return ingest.commit().digest;
  }

  describe("blobs", () => {
    test("are read whole, as streams and in part", async () => {
      const digest = put(MANY);
      expect(digest).toBe(digestOf(MANY));
      expect([store.has(digest), store.stat(digest)]).toEqual([true, { size: MANY.length }]);
      expect(MANY.equals(store.readBytes(digest, MANY.length))).toBe(true);
      expect((await textOf(store.readStream(digest))) === MANY.toString()).toBe(true);
      for (const [range, text] of [
        [{ start: 5, end: 12 }, "5678901"],
        [{ start: MANY.length - 2 }, "89"],
        [{ start: MANY.length - 2, end: 9e6 }, "89"],
        [{ start: 7, end: 7 }, ""],
        [{ start: 5e6 }, ""],
      ] as const)
        expect(await textOf(store.readStream(digest, range))).toBe(text);
      expect(await isWhole(store, digest)).toBe(true);
      expect(await holdsBlob(store, { digest, size: MANY.length })).toBe(true);
    });

    test("may be empty", async () => {
      const digest = put(Buffer.alloc(0));
      expect(store.stat(digest)).toEqual({ size: 0 });
      expect(store.readBytes(digest, 0)).toHaveLength(0);
      expect(await textOf(store.readStream(digest))).toBe("");
    });

    test("that are not here are said not to be", async () => {
      expect([store.has(hello), store.stat(hello), [...store.digests()]]).toEqual([false, undefined, []]);
      expect(() => store.readBytes(hello, 9)).toThrow(failsWith("blob-not-found"));
      expect(() => store.readStream(hello)).toThrow(failsWith("blob-not-found"));
      expect([store.delete(hello), await store.deleteAsync(hello)]).toEqual([false, false]);
      expect(await holdsBlob(store, { digest: hello, size: 5 })).toBe(false);
    });

    test("that are too large for memory are refused", () => {
      put(HELLO);
      expect(() => store.readBytes(hello, 4)).toThrow(failsWith("blob-too-large"));
    });

    test("are there for all who open the place, each once", () => {
      put(HELLO);
      put(HELLO, place.open());
      const other = put(MANY);
      expect([...place.open().digests()].sort()).toEqual([hello, other].sort());
      expect(Buffer.from(place.open().readBytes(hello, 5))).toEqual(HELLO);
    });

    test.each(["delete", "deleteAsync"] as const)(
      "are gone after %s(), and who reads goes on",
      async (how) => {
        const digest = put(MANY);
        const stream = store.readStream(digest);
        expect(await store[how](digest)).toBe(true);
        expect([store.has(digest), await store[how](digest)]).toEqual([false, false]);
        expect((await textOf(stream)).length).toBe(MANY.length);
        put(MANY);
        expect(store.has(digest)).toBe(true);
      },
    );

    test("may be read to no end", async () => {
      const digest = put(MANY);
      const reader = store.readStream(digest).getReader();
      expect((await reader.read()).done).toBe(false);
      await reader.cancel();
      expect(store.delete(digest)).toBe(true);
    });
  });

  describe.each(["commit", "commitAsync"] as const)("an ingest with %s()", (commit) => {
    test("shows nothing before, and leaves nothing but the blob", async () => {
      using ingest = store.ingest({ expected: { size: 5, digest: hello } });
      ingest.write(HELLO.subarray(0, 3));
      expect([store.has(hello), [...store.digests()], ingest.offset]).toEqual([false, [], 3]);
      ingest.write(HELLO.subarray(3));
      expect(await ingest[commit]()).toEqual({ digest: hello, size: 5 });
      expect([[...store.digests()], store.ingests()]).toEqual([[hello], []]);
    });

    test.each([
      ["another digest", { digest: digestOf("other") }, "digest-mismatch"],
      ["another size", { size: 6 }, "size-mismatch"],
    ])("refuses %s, when it begins or ends, and stays open", async (_, expected, code) => {
      for (const atEnd of [false, true]) {
        using ingest = store.ingest(atEnd ? {} : { expected });
        ingest.write(HELLO);
        const attempt = async (): Promise<unknown> => await ingest[commit](atEnd ? expected : {});
        await expect(attempt()).rejects.toThrow(failsWith(code));
        expect([...store.digests()]).toEqual([]);
        expect(ingest.offset).toBe(5);
        ingest.abort();
      }
    });

    test("goes on after too few bytes", async () => {
      using ingest = store.ingest({ expected: { digest: hello } });
      ingest.write(HELLO.subarray(0, 3));
      await expect((async () => await ingest[commit]())()).rejects.toThrow(failsWith("digest-mismatch"));
      ingest.write(HELLO.subarray(3));
      expect((await ingest[commit]()).digest).toBe(hello);
    });

    test("knows sha512, from its beginning or at its end", async () => {
      const digest = digestOf("hello", "sha512");
      for (const atEnd of [false, true]) {
        using ingest = store.ingest(atEnd ? {} : { expected: { digest } });
        ingest.write(HELLO);
        expect(await ingest[commit](atEnd ? { digest } : {})).toEqual({ digest, size: 5 });
        expect(Buffer.from(store.readBytes(digest, 5))).toEqual(HELLO);
        expect([...store.digests()]).toEqual([digest]);
        store.delete(digest);
      }
      using ingest = store.ingest({ algorithm: "sha512" });
      ingest.write(HELLO);
      expect((await ingest[commit]()).digest).toBe(digest);
    });

    test("of what is here already is as good as the first", async () => {
      using one = store.ingest();
      using other = place.open().ingest();
      for (const ingest of [one, other]) ingest.write(HELLO);
      for (const ingest of [one, other]) expect((await ingest[commit]()).digest).toBe(hello);
      expect([...store.digests()]).toEqual([hello]);
    });

    test("takes nothing more", async () => {
      using ingest = store.ingest();
      ingest.write(HELLO);
      await ingest[commit]();
      expect(() => ingest.write(HELLO)).toThrow(failsWith("ingest-closed"));
      await expect((async () => await ingest[commit]())()).rejects.toThrow(failsWith("ingest-closed"));
    });
  });

  describe("an ingest", () => {
    const begun = (options: Parameters<BlobStore["ingest"]>[0] = {}): BlobIngest => {
      const ingest = store.ingest(options);
      ingest.write(HELLO.subarray(0, 3));
      return ingest;
    };

    test("refuses the first byte too many, and none of it is written", () => {
      using ingest = begun({ expected: { size: 5 } });
      expect(() => ingest.write(Buffer.from("lo!"))).toThrow(failsWith("size-mismatch"));
      expect(ingest.offset).toBe(3);
      ingest.write(Buffer.from("lo"));
      expect(ingest.commit().digest).toBe(hello);
    });

    test("keeps no chunk", () => {
      using ingest = store.ingest();
      const chunk = Buffer.from("hello");
      ingest.write(chunk);
      chunk.fill("x");
      expect(ingest.commit().digest).toBe(hello);
      expect(Buffer.from(store.readBytes(hello, 5))).toEqual(HELLO);
    });

    test("is read before it ends, as far as it is here", () => {
      using ingest = begun();
      const target = Buffer.alloc(5, ".");
      expect([ingest.readAt(target, 1), target.toString()]).toEqual([2, "el..."]);
      expect([ingest.readAt(target, 3), ingest.readAt(target, 9)]).toEqual([0, 0]);
    });

    test.each(["abort", "abortAsync", "dispose"] as const)("is forgotten after %s()", async (how) => {
      const ingest = begun({ id: "one" });
      if (how === "dispose") ingest[Symbol.dispose]();
      else await ingest[how]();
      expect([store.ingests(), [...store.digests()]]).toEqual([[], []]);
      expect(() => ingest.write(HELLO)).toThrow(failsWith("ingest-closed"));
      ingest[Symbol.dispose]();
      begun({ id: "one" }).abort();
    });

    test.each(["resumeIngest", "resumeIngestAsync"] as const)(
      "that was suspended goes on by %s()",
      async (how) => {
        begun({ id: "one" }).suspend();
        const other = place.open();
        expect(other.ingests()).toMatchObject([{ id: "one", offset: 3, isOwned: false }]);
        using ingest = await other[how]("one", { expected: { digest: hello, size: 5 } });
        expect([ingest.id, ingest.offset]).toEqual(["one", 3]);
        ingest.write(HELLO.subarray(3));
        expect(ingest.commit()).toEqual({ digest: hello, size: 5 });
        expect([store.has(hello), store.ingests()]).toEqual([true, []]);
      },
    );

    test("that was suspended goes on with another algorithm, and without what is too much", () => {
      using first = store.ingest({ id: "one" });
      first.write(Buffer.from("hello, world"));
      first.suspend();
      const digest = digestOf("hello", "sha512");
      using ingest = store.resumeIngest("one", { expected: { digest, size: 5 } });
      expect(ingest.offset).toBe(5);
      expect(ingest.commit().digest).toBe(digest);
    });

    test("has one writer", async () => {
      const failure = expect.objectContaining({ code: "ingest-in-use" });
      using ingest = begun({ id: "one" });
      const other = place.open();
      expect(other.ingests()).toMatchObject([{ id: "one", isOwned: true }]);
      expect(() => other.ingest({ id: "one" })).toThrow(failure);
      expect(() => other.resumeIngest("one")).toThrow(failure);
      await expect(other.resumeIngestAsync("one")).rejects.toThrow(failure);
      expect([other.discardIngest("one"), other.pruneIngests(0)]).toEqual([false, []]);
      ingest.suspend();
      expect(() => other.ingest({ id: "one" })).toThrow(failure);
      other.resumeIngest("one").abort();
    });

    test("that nobody began is not found", async () => {
      expect(() => store.resumeIngest("none")).toThrow(failsWith("ingest-not-found"));
      await expect(store.resumeIngestAsync("none")).rejects.toThrow(failsWith("ingest-not-found"));
      expect(store.discardIngest("none")).toBe(false);
    });

    test.each(["", ".", "../x", "a/b", "-", "a\0", "a".repeat(201)])("is not called %j", (id) => {
      expect(() => store.ingest({ id })).toThrow(failsWith("invalid-ingest-id"));
    });

    test("is not begun for an algorithm that nobody has", () => {
      const digest = parseDigest(`sha384:${"0".repeat(96)}`);
      expect(() => store.ingest({ expected: { digest } })).toThrow(failsWith("unsupported-digest-algorithm"));
      expect(store.ingests()).toEqual([]);
    });

    test("that was left behind is discarded by its name or its age", () => {
      for (const id of ["one", "two", "sha256:three"]) begun({ id }).suspend();
      using alive = begun({ id: "alive" });
      expect(store.pruneIngests(60_000)).toEqual([]);
      expect(store.discardIngest("one")).toBe(true);
      expect(store.pruneIngests(-1000).sort()).toEqual(["sha256:three", "two"]);
      expect(store.ingests().map(({ id }) => id)).toEqual(["alive"]);
      alive.abort();
    });
  });
}
