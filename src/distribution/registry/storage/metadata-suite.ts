/** What every implementation of `Metadata` must pass. */
import { describe, expect, test } from "bun:test";
import { type Digest, digestOf, type RepositoryName, type Tag } from "../../../spec/index.ts";
import type { Metadata, NewManifest } from "./metadata.ts";
import type { StoragePolicy } from "./policy.ts";

const A = "team/a" as RepositoryName;
const B = "team/b" as RepositoryName;
const OTHER = "teammate" as RepositoryName;
const ALL = { after: "", limit: 100 };
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const tags = (...names: string[]): Tag[] => names as Tag[];
const one = digestOf("one");

function manifest(name: string, fields: Partial<NewManifest> = {}): NewManifest {
  const link = { mediaType: MANIFEST, digest: digestOf(name), size: 10 };
  return { ...link, children: [], required: [], ...fields };
}

function about(subject: Digest, name: string, artifactType: string): NewManifest {
  return manifest(name, { refersTo: { subject, descriptor: { digest: digestOf(name), artifactType } } });
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => "none",
    (error: { code?: unknown }) => error.code,
  );
}

/** @param make  Makes an empty one under a policy. */
export function metadataSuite(make: (policy?: StoragePolicy) => Metadata): void {
  const policy: StoragePolicy = {
    isReadOnly: false,
    quotas: [{ prefix: "team", bytes: 100 }],
    isImmutable: (repository, tag) => repository === A && tag.startsWith("v"),
  };

  describe("lists", () => {
    test("are in byte order, cut after `after` and at `limit`", async () => {
      using metadata = make();
      await metadata.putManifest(A, manifest("m"), tags("b", "a", "B", "_", "1"));
      expect(await metadata.tags(A, ALL)).toEqual(tags("1", "B", "_", "a", "b"));
      expect(await metadata.tags(A, { after: "B", limit: 2 })).toEqual(tags("_", "a"));
      expect(await metadata.tags(A, { after: "C", limit: 1 })).toEqual(tags("_"));
      expect(await metadata.tags(A, { after: "", limit: 0 })).toEqual([]);
      expect(await metadata.tags(B, ALL)).toEqual([]);
    });

    test("repositories() has those with manifests, hasRepository() those with anything", async () => {
      using metadata = make();
      await metadata.linkBlob(B, one, 1);
      await metadata.putManifest(A, manifest("m"), []);
      expect(await metadata.repositories(ALL)).toEqual([A]);
      expect(await metadata.repositories({ after: A, limit: 9 })).toEqual([]);
      expect([await metadata.hasRepository(B), await metadata.hasRepository(OTHER)]).toEqual([true, false]);
    });
  });

  describe("manifests", () => {
    test("are found by tag and by digest, in their own repository", async () => {
      using metadata = make();
      await metadata.putManifest(A, manifest("m"), tags("latest"));
      const link = { mediaType: MANIFEST, digest: digestOf("m"), size: 10 };
      const digest = { kind: "digest", digest: link.digest } as const;
      expect(await metadata.manifest(A, { kind: "tag", tag: "latest" as Tag })).toEqual(link);
      expect(await metadata.manifest(A, digest)).toEqual(link);
      expect(await metadata.manifest(B, digest)).toBeUndefined();
      expect(await metadata.tag(A, "latest" as Tag)).toBe(link.digest);
    });

    test("putManifest() moves a tag, and keeps what it named", async () => {
      using metadata = make();
      await metadata.putManifest(A, manifest("m1"), tags("t"));
      await metadata.putManifest(A, manifest("m2"), tags("t"));
      expect(await metadata.tag(A, "t" as Tag)).toBe(digestOf("m2"));
      expect(await metadata.manifest(A, { kind: "digest", digest: digestOf("m1") })).toBeDefined();
    });

    test("putManifest() wants the blobs that are required, and changes nothing without them", async () => {
      using metadata = make();
      const put = metadata.putManifest(A, manifest("m", { children: [one], required: [one] }), tags("t"));
      expect(await codeOf(put)).toBe("blobs-missing");
      expect(await metadata.hasRepository(A)).toBe(false);
      await metadata.linkBlob(A, one, 3);
      await metadata.putManifest(A, manifest("m", { children: [one], required: [one] }), tags("t"));
    });

    test("deleteManifest() takes its tags along, deleteTag() leaves the manifest", async () => {
      using metadata = make();
      await metadata.putManifest(A, manifest("m1"), tags("a", "b"));
      await metadata.putManifest(A, manifest("m2"), tags("c", "d"));
      expect(await metadata.deleteTag(A, "c" as Tag)).toBe(true);
      expect(await metadata.deleteTag(A, "c" as Tag)).toBe(false);
      expect(await metadata.deleteManifest(A, digestOf("m1"))).toBe(true);
      expect(await metadata.deleteManifest(A, digestOf("m1"))).toBe(false);
      expect(await metadata.tags(A, ALL)).toEqual(tags("d"));
    });
  });

  describe("rights on tags", () => {
    test("are those of the moment at which a manifest is put", async () => {
      using metadata = make();
      const creator = { mayCreate: true, mayMove: false };
      const mover = { mayCreate: false, mayMove: true };
      expect(await codeOf(metadata.putManifest(A, manifest("m1"), tags("t"), mover))).toBe("tag-denied");
      expect(await metadata.hasRepository(A)).toBe(false);
      await metadata.putManifest(A, manifest("m1"), tags("t"), creator);
      expect(await codeOf(metadata.putManifest(A, manifest("m2"), tags("u", "t"), creator))).toBe(
        "tag-denied",
      );
      expect(await metadata.tags(A, ALL)).toEqual(tags("t"));
      await metadata.putManifest(A, manifest("m1"), tags("t"), creator);
      await metadata.putManifest(A, manifest("m2"), tags("t"), mover);
      expect(await metadata.tag(A, "t" as Tag)).toBe(digestOf("m2"));
    });
  });

  describe("referrers", () => {
    test("are ordered by digest, filtered, cut, and gone with their manifest", async () => {
      using metadata = make();
      const names = ["r1", "r2", "r3", "r4"];
      for (const name of names) await metadata.putManifest(A, about(one, name, name < "r3" ? "x" : "y"), []);
      await metadata.putManifest(B, about(one, "r9", "x"), []);
      const list = async (type?: string, slice = ALL): Promise<Digest[]> =>
        (await metadata.referrers(A, one, type, slice)).map(({ digest }) => digest);
      const sorted = names.map((name) => digestOf(name)).sort();
      expect(await list()).toEqual(sorted);
      expect(await list(undefined, { after: sorted[1] ?? "", limit: 1 })).toEqual(sorted.slice(2, 3));
      expect(await list("x")).toEqual([digestOf("r1"), digestOf("r2")].sort());
      expect(await list("z")).toEqual([]);
      await metadata.deleteManifest(A, digestOf("r1"));
      expect(await list("x")).toEqual([digestOf("r2")]);
    });
  });

  describe("blobs", () => {
    test("belong to the repositories that hold them", async () => {
      using metadata = make();
      await metadata.linkBlob(A, one, 3);
      await metadata.linkBlob(B, one, 3);
      expect([await metadata.blob(A, one), await metadata.blob(OTHER, one)]).toEqual([3, undefined]);
      expect((await metadata.holders(one)).toSorted()).toEqual([A, B]);
      expect(await metadata.unlinkBlob(A, one)).toBe(true);
      expect(await metadata.unlinkBlob(A, one)).toBe(false);
      expect(await metadata.holders(one)).toEqual([B]);
    });
  });

  describe("quotas", () => {
    test("bind what lies below a prefix, together, each thing counted once", async () => {
      using metadata = make(policy);
      await metadata.linkBlob(A, one, 60);
      await metadata.linkBlob(A, one, 60);
      expect(await codeOf(metadata.linkBlob(B, one, 60))).toBe("quota-exceeded");
      expect(await metadata.hasRepository(B)).toBe(false);
      await metadata.linkBlob(OTHER, one, 60_000);
      await metadata.linkBlob(B, digestOf("two"), 40);
      expect(await codeOf(metadata.putManifest(A, manifest("m"), []))).toBe("quota-exceeded");
      await metadata.unlinkBlob(B, digestOf("two"));
      await metadata.putManifest(A, manifest("m"), []);
      await metadata.putManifest(A, manifest("m"), []);
      await metadata.deleteManifest(A, digestOf("m"));
      await metadata.requireRoom(A, 40);
      expect(await codeOf((async () => await metadata.requireRoom(A, 41))())).toBe("quota-exceeded");
    });
  });

  describe("immutable tags", () => {
    test("can be pushed again as they are, and neither moved nor taken away", async () => {
      using metadata = make(policy);
      await metadata.putManifest(A, manifest("m1"), tags("v1", "latest"));
      await metadata.putManifest(A, manifest("m1"), tags("v1"));
      for (const change of [
        metadata.putManifest(A, manifest("m2"), tags("latest", "v1")),
        metadata.deleteTag(A, "v1" as Tag),
        metadata.deleteManifest(A, digestOf("m1")),
      ])
        expect(await codeOf(change)).toBe("tag-immutable");
      expect(await metadata.tag(A, "latest" as Tag)).toBe(digestOf("m1"));
      await metadata.putManifest(A, manifest("m2"), tags("latest"));
    });
  });

  test("uploads are noted until they end", async () => {
    using metadata = make();
    const upload = { id: "1", repository: A, owner: "somebody", beganAtMs: 5 };
    await metadata.beginUpload(upload);
    expect(await metadata.uploads()).toEqual([upload]);
    await metadata.endUpload("1");
    expect(await metadata.uploads()).toEqual([]);
  });
}
