/** What every place of images must do, whatever it is: each transport calls this with a way to open one of its own. */
import { beforeEach, describe, expect, test } from "bun:test";
import { copyImage, type ImageDestination, type ImageSource } from "../../../src/image/index.ts";
import { type Descriptor, parsePlatform } from "../../../src/spec/index.ts";
import { Memory, readAll } from "./memory.ts";

/** One place, which nobody else uses. */
export interface Place {
  destination(): ImageDestination | Promise<ImageDestination>;
  /** What was written last; fails where nothing was. */
  source(): ImageSource | Promise<ImageSource>;
  /** What lies there that no image needs: drafts, locks. */
  leftovers?(): readonly string[];
}

/** What a kind of place cannot hold; it must refuse that before anything is written. */
export interface Limits {
  readonly cannotHold?: readonly ("indexes" | "artifacts" | "referrers")[];
}

const AMD64 = parsePlatform("linux/amd64");

export function transportSuite(
  name: string,
  make: () => Place | Promise<Place>,
  { cannotHold = [] }: Limits = {},
): void {
  describe(name, () => {
    let place: Place;
    let memory: Memory;
    beforeEach(async () => {
      place = await make();
      memory = new Memory();
    });

    type Options = Partial<Parameters<typeof copyImage>[2]>;
    const copy = async (source: ImageSource, options: Options = {}) => {
      await using destination = await place.destination();
      return await copyImage(source, destination, options);
    };
    const read = async () => {
      await using source = await place.source();
      return { root: (await source.root()).descriptor.digest, content: await readAll(source) };
    };
    const failure = (promise: Promise<unknown>): Promise<string> => promise.then(() => "nothing", String);
    const expectNothing = async (): Promise<void> => {
      expect(await failure(read())).not.toBe("nothing");
      expect(place.leftovers?.() ?? []).toEqual([]);
    };

    test("gives back every byte under its digest", async () => {
      const root = memory.image(["one", "two".repeat(5000), "one", ""]);
      const copied = await copy(memory.source(root));
      expect(copied).toMatchObject({ root: { digest: root.digest }, sent: 4, present: 0, mounted: 0 });
      const { root: found, content } = await read();
      expect(found).toBe(root.digest);
      expect(content.size).toBe(5);
      for (const [digest, text] of content)
        expect(text).toBe(Buffer.from(memory.content.get(digest) ?? []).toString());
      expect(place.leftovers?.() ?? []).toEqual([]);
    });

    test("takes digests of sha512", async () => {
      const layer = memory.blob(
        "five hundred and twelve",
        "application/vnd.oci.image.layer.v1.tar",
        "sha512",
      );
      const root = memory.image([layer]);
      await copy(memory.source(root));
      expect((await read()).content.get(layer.digest)).toBe("five hundred and twelve");
    });

    test("takes many blobs at once, several megabytes among them", async () => {
      const layers = Array.from({ length: 20 }, (_, at) => `${at}`.repeat(at === 7 ? 3_000_000 : 100 * at));
      const root = memory.image(layers);
      await copy(memory.source(root), { parallel: 8 });
      const { content } = await read();
      expect(layers.every((layer) => [...content.values()].includes(layer))).toBe(true);
    });

    test("shows another image in the place of the one before", async () => {
      const [first, second] = [memory.image(["first"]), memory.image(["second", "first"])];
      await copy(memory.source(first));
      await copy(memory.source(second));
      expect((await read()).root).toBe(second.digest);
      expect(place.leftovers?.() ?? []).toEqual([]);
    });

    test("is the same when the same is written again", async () => {
      const root = memory.image(["same"]);
      await copy(memory.source(root));
      await copy(memory.source(root));
      expect((await read()).root).toBe(root.digest);
    });

    describe.each([
      ["other bytes", (bytes: Buffer) => Buffer.alloc(bytes.length, "x"), "its content hashes to"],
      ["fewer bytes", (bytes: Buffer) => bytes.subarray(1), "bytes came"],
      ["more bytes", (bytes: Buffer) => Buffer.concat([bytes, bytes]), "bytes came"],
    ])("shows nothing when a source gives %s", (_, lie, says) => {
      test.each([
        ["a blob", (layer: Descriptor) => layer],
        ["a large blob", (_layer: Descriptor, large: Descriptor) => large],
        ["a manifest", (_layer: Descriptor, _large: Descriptor, root: Descriptor) => root],
      ])("for %s", async (_what, choose) => {
        const layer = memory.blob("the layer", "application/vnd.oci.image.layer.v1.tar");
        const large = memory.blob("the layer".repeat(200_000), "application/vnd.oci.image.layer.v1.tar");
        const root = memory.image([layer, large]);
        const wrong = choose(layer, large, root);
        memory.corrupt(wrong, lie(Buffer.from(memory.content.get(wrong.digest) ?? [])));
        expect(await failure(copy(memory.source(root)))).toContain(says);
        await expectNothing();
      });
    });

    test("shows nothing when a source breaks off, and all when it is tried again", async () => {
      const root = memory.image(["one", "two"]);
      const whole = memory.source(root);
      const breaking: ImageSource["readBlob"] = async function* (blob) {
        yield* whole.readBlob(blob);
        throw new Error("the wire is cut");
      };
      expect(await failure(copy(memory.source(root, { readBlob: breaking })))).toContain("the wire is cut");
      await expectNothing();
      await copy(whole);
      expect((await read()).root).toBe(root.digest);
    });

    test("keeps what it has when the next image fails", async () => {
      const [good, bad] = [memory.image(["good"]), memory.image(["bad"])];
      await copy(memory.source(good));
      memory.corrupt(memory.blob("bad", "x/y"), Buffer.from("BAD"));
      expect(await failure(copy(memory.source(bad)))).toContain("its content hashes to");
      expect((await read()).root).toBe(good.digest);
      expect(place.leftovers?.() ?? []).toEqual([]);
    });

    test("ends promptly, and shows nothing, when it is told to", async () => {
      const root = memory.image(["one", "two"]);
      const stop = new AbortController();
      const stopping: ImageSource["readBlob"] = async function* () {
        stop.abort(new Error("enough"));
        yield Buffer.from("o");
      };
      const copying = copy(memory.source(root, { readBlob: stopping }), { signal: stop.signal });
      expect(await failure(copying)).toContain("enough");
      await expectNothing();
    });

    const both = (): { root: Descriptor; children: Descriptor[] } => {
      const children = ["amd64", "arm64"].map((architecture) => ({
        ...memory.image(["shared", architecture]),
        platform: { os: "linux", architecture },
      }));
      return { root: memory.index(children), children };
    };

    test("takes one image of an index", async () => {
      const { root, children } = both();
      await copy(memory.source(root), { platform: AMD64 });
      expect((await read()).root).toBe(children[0]?.digest as never);
    });

    test("takes an index whole, or refuses it", async () => {
      const { root } = both();
      if (cannotHold.includes("indexes")) {
        expect(await failure(copy(memory.source(root)))).toContain("unsupported");
        return await expectNothing();
      }
      const nested = memory.index([root, memory.image(["beside"])]);
      await copy(memory.source(nested));
      const { root: found, content } = await read();
      expect(found).toBe(nested.digest);
      // Two indexes, three manifests with their configs, four layers.
      expect(content.size).toBe(12);
    });

    test("takes an artifact, or refuses it", async () => {
      const artifact = memory.artifact(memory.image(["subject"]), "a note");
      const copying = copy(memory.source(artifact));
      if (cannotHold.includes("artifacts")) {
        expect(await failure(copying)).toContain("unsupported");
        return await expectNothing();
      }
      await copying;
      expect((await read()).root).toBe(artifact.digest);
    });

    test("takes referrers along, and theirs, or refuses them", async () => {
      const root = memory.image(["signed"]);
      const signature = memory.artifact(root, "a signature");
      const ofIt = memory.artifact(signature, "a signature of the signature");
      const copying = copy(memory.source(root), { hasReferrers: true });
      if (cannotHold.includes("referrers")) {
        expect(await failure(copying)).toContain("unsupported");
        return await expectNothing();
      }
      const { referrers } = await copying;
      expect(referrers.map(({ digest }) => digest)).toEqual([signature.digest, ofIt.digest]);
      await using source = await place.source();
      expect((await source.root()).descriptor.digest).toBe(root.digest);
      for (const [subject, referrer] of [
        [root, signature],
        [signature, ofIt],
      ] as const)
        expect(await source.referrers?.(subject.digest)).toMatchObject([
          { digest: referrer.digest, artifactType: "text/x-note", annotations: referrer.annotations },
        ]);
    });

    test("does not walk a graph of indexes that share their children more than once", async () => {
      if (cannotHold.includes("indexes")) return;
      let at = memory.image(["leaf"]);
      for (let level = 0; level < 8; level += 1)
        at = memory.index([at, at, { ...at, annotations: { n: "2" } }]);
      let reads = 0;
      const source = memory.source(at);
      const readDocument: ImageSource["readDocument"] = (descriptor) => {
        reads += 1;
        return source.readDocument(descriptor);
      };
      await copy(memory.source(at, { readDocument }));
      expect(reads).toBe(8);
    });
  });
}
