/** What a repair links again, what it lets go, and that it opens nobody's content to anybody else. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Digest,
  digestOf,
  parseManifestOrIndex,
  type RepositoryName,
  type Tag,
} from "../../../spec/index.ts";
import { describeManifest } from "../manifests.ts";
import { openStorage, type Storage, storeBytes } from "../storage/storage.ts";
import { check } from "./check.ts";
import { repair } from "./repair.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const A = "a" as RepositoryName;
const B = "b" as RepositoryName;
const TAG = "1" as Tag;
const folder = mkdtempSync(join(tmpdir(), "teu-repair-"));
afterAll(() => rmSync(folder, { recursive: true }));
let roots = 0;
const newRoot = (): string => join(folder, `${roots++}`);

async function blob(
  { content, metadata }: Storage,
  repository: RepositoryName,
  text: string,
): Promise<Digest> {
  const digest = digestOf(text);
  await storeBytes(content, Buffer.from(text), digest);
  await metadata.linkBlob(repository, digest, text.length);
  return digest;
}

/** An image of a config and a layer that its repository holds, and one that is fetched elsewhere. */
async function image(
  storage: Storage,
  repository: RepositoryName,
  layer: string,
  foreign: string,
): Promise<Digest> {
  const config = { mediaType: "application/x", digest: await blob(storage, repository, "{}"), size: 2 };
  const layers = [
    { mediaType: "application/x", digest: await blob(storage, repository, layer), size: layer.length },
    { mediaType: FOREIGN, digest: digestOf(foreign), size: foreign.length },
  ];
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers });
  const link = { mediaType: MANIFEST, digest: digestOf(text), size: text.length };
  await storeBytes(storage.content, Buffer.from(text), link.digest);
  const manifest = describeManifest(link, parseManifestOrIndex(Buffer.from(text), MANIFEST));
  await storage.metadata.putManifest(repository, manifest, [TAG]);
  return link.digest;
}

// A layer of docker's foreign type without URLs was taken by a push and called missing by a check: a repair then dropped
// images that nothing was wrong with.
test("an image whose foreign layer was never here is whole", async () => {
  using storage = openStorage(newRoot());
  const digest = await image(storage, A, "layer", "foreign");
  expect(await check(storage)).toEqual([]);
  expect(await repair(storage, newRoot())).toEqual([]);
  expect(storage.metadata.tag(A, TAG)).toBe(digest);
});

test("a link that was lost is made again where no repository holds the content, in all that need it", async () => {
  using storage = openStorage(newRoot());
  for (const repository of [A, B]) {
    await image(storage, repository, "layer", "foreign");
    await storage.metadata.unlinkBlob(repository, digestOf("layer"));
  }
  const repaired = await repair(storage, newRoot());
  expect(repaired.map(({ done }) => done)).toEqual([
    "its blobs were linked again",
    "its blobs were linked again",
  ]);
  for (const repository of [A, B]) expect(storage.metadata.blob(repository, digestOf("layer"))).toBe(5);
  expect(await check(storage)).toEqual([]);
});

// A repair linked whatever a manifest names and the store has: another repository's secret became readable, be it as a
// layer that is fetched elsewhere, which anybody may name without having it (CVE-2024-39897).
test("what another repository holds stays its own", async () => {
  using storage = openStorage(newRoot());
  const secret = await blob(storage, B, "secret");
  await image(storage, A, "layer", "secret");
  await storage.metadata.unlinkBlob(A, digestOf("layer"));
  const [relinked] = await repair(storage, newRoot());
  expect(relinked?.done).toBe("its blobs were linked again");
  expect(storage.metadata.blob(A, secret)).toBeUndefined();

  await blob(storage, B, "layer");
  await storage.metadata.unlinkBlob(A, digestOf("layer"));
  const [dropped] = await repair(storage, newRoot());
  expect(dropped?.done).toContain("no longer said to be here");
  expect(storage.metadata.blob(A, digestOf("layer"))).toBeUndefined();
  expect(await check(storage)).toEqual([]);
});

test("content that the disk cannot read is told of, and set aside; what may not be read stays", async () => {
  const root = newRoot();
  using storage = openStorage(root);
  const manifest = await image(storage, A, "layer", "foreign");
  let code = "EACCES";
  const broken = {
    ...storage,
    content: new Proxy(storage.content, {
      get(content, name) {
        const value = Reflect.get(content, name, content) as unknown;
        if (typeof value !== "function") return value;
        if (name !== "readStream") return value.bind(content) as unknown;
        return (digest: Digest) => {
          if (digest !== digestOf("layer")) return content.readStream(digest);
          throw Object.assign(new Error(code), { code });
        };
      },
    }),
  };
  const denied = await repair(broken, root).catch((error: Error) => error.message);
  expect([denied, await check(storage)]).toEqual(["EACCES", []]);
  code = "EIO";
  const [first, second] = await repair(broken, root);
  expect(first).toMatchObject({ digest: digestOf("layer"), why: "the disk cannot read it" });
  expect(second).toMatchObject({ digest: manifest });
  expect(await check(storage)).toEqual([]);
});
