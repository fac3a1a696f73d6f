/**
 * Takes over what a registry of the distribution project keeps in a folder: every blob is hashed on its way in, every manifest
 * is read. What is here already is not copied again, so an import that was interrupted goes on when it is begun again.
 * Source: distribution, registry/storage/paths.go.
 */
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { messageOf, TeuError } from "../../../base/index.ts";
import {
  type Digest,
  digestAlgorithm,
  digestEncoded,
  isDigest,
  isRepositoryName,
  isTag,
  MAX_MANIFEST_BYTES,
  parseManifestOrIndex,
  type RepositoryName,
  type Tag,
} from "../../../spec/index.ts";
import { describeManifest } from "../manifests.ts";
import { type Storage, storeBytes } from "../storage/storage.ts";

/** A repository that was taken over, or a part of one that could not be. */
export type Imported =
  | {
      readonly kind: "repository";
      readonly repository: RepositoryName;
      readonly blobs: number;
      readonly manifests: number;
    }
  | {
      readonly kind: "failure";
      readonly repository: RepositoryName;
      readonly digest: Digest;
      readonly why: string;
    };

/** There is no registry of the distribution project in the folder. */
export class NothingToImport extends TeuError<"nothing-to-import", { from: string }> {
  constructor(context: { from: string }) {
    super(
      "nothing-to-import",
      "not-found",
      context,
      `Cannot import ${JSON.stringify(context.from)}: there is no docker/registry/v2/repositories in it`,
    );
  }
}

/**
 * Takes over all repositories, when whoever else does upkeep has ended: blobs come long before the manifests that keep them.
 * @param from  The `rootdirectory` of the other registry, which serves nobody meanwhile.
 */
export async function importDistribution(
  storage: Storage,
  from: string,
  onImported: (imported: Imported) => void,
): Promise<{ repositories: number; failures: number }> {
  return await storage.upkeepTurns.take(() => importAlone(storage, from, onImported));
}

async function importAlone(
  storage: Storage,
  from: string,
  onImported: (imported: Imported) => void,
): Promise<{ repositories: number; failures: number }> {
  const root = join(from, "docker/registry/v2");
  const totals = { repositories: 0, failures: 0 };
  if (!(await exists(join(root, "repositories")))) throw new NothingToImport({ from });
  for await (const repository of repositoriesIn(join(root, "repositories"), "")) {
    const counts = { blobs: 0, manifests: 0 };
    const attempt = async (
      digest: Digest,
      what: keyof typeof counts,
      task: () => Promise<void>,
    ): Promise<void> => {
      try {
        await task();
        counts[what] += 1;
      } catch (error) {
        totals.failures += 1;
        onImported({ kind: "failure", repository, digest, why: messageOf(error) });
      }
    };
    const folder = join(root, "repositories", repository);
    for await (const digest of linksIn(join(folder, "_layers")))
      await attempt(digest, "blobs", () => importBlob(storage, root, repository, digest));
    const tags = await tagsIn(join(folder, "_manifests/tags"));
    for await (const digest of linksIn(join(folder, "_manifests/revisions")))
      await attempt(digest, "manifests", () =>
        importManifest(storage, root, repository, digest, tags.get(digest) ?? []),
      );
    totals.repositories += 1;
    onImported({ kind: "repository", repository, ...counts });
  }
  return totals;
}

async function importBlob(
  storage: Storage,
  root: string,
  repository: RepositoryName,
  digest: Digest,
): Promise<void> {
  const { content, metadata, pins } = storage;
  const path = dataPath(root, digest);
  const { size } = await stat(path);
  using _pin = pins.hold(digest);
  if (!content.has(digest)) {
    using ingest = content.ingest({ expected: { digest, size } });
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      ingest.write(chunk);
      await yieldToOthers();
    }
    await ingest.commitAsync();
  }
  await metadata.linkBlob(repository, digest, size);
}

async function importManifest(
  { content, metadata, pins }: Storage,
  root: string,
  repository: RepositoryName,
  digest: Digest,
  tags: readonly Tag[],
): Promise<void> {
  const path = dataPath(root, digest);
  const { size } = await stat(path);
  if (size > MAX_MANIFEST_BYTES) throw new RangeError(`it has ${size} bytes`);
  const bytes = await readFile(path);
  const document = parseManifestOrIndex(bytes);
  using _pin = pins.hold(digest);
  await storeBytes(content, bytes, digest);
  await metadata.putManifest(
    repository,
    describeManifest({ mediaType: document.mediaType, digest, size }, document),
    tags,
  );
}

/** Where a blob's bytes lie; manifests are blobs too. */
function dataPath(root: string, digest: Digest): string {
  const encoded = digestEncoded(digest);
  return join(root, "blobs", digestAlgorithm(digest), encoded.slice(0, 2), encoded, "data");
}

/** Names of repositories; those of distribution's own folders begin with `_`. */
async function* repositoriesIn(folder: string, name: string): AsyncGenerator<RepositoryName, void, void> {
  const entries = (await readdir(join(folder, name))).sort();
  if (entries.includes("_manifests") && isRepositoryName(name)) yield name;
  for (const entry of entries)
    if (!entry.startsWith("_")) yield* repositoriesIn(folder, name === "" ? entry : `${name}/${entry}`);
}

/** Digests with a link below a folder: ALGORITHM/ENCODED/link. Without the file it was deleted. */
async function* linksIn(folder: string): AsyncGenerator<Digest, void, void> {
  for (const algorithm of await namesIn(folder))
    for (const encoded of await namesIn(join(folder, algorithm))) {
      const digest = `${algorithm}:${encoded}`;
      if (isDigest(digest) && (await exists(join(folder, algorithm, encoded, "link")))) yield digest;
    }
}

async function tagsIn(folder: string): Promise<Map<Digest, Tag[]>> {
  const tags = new Map<Digest, Tag[]>();
  for (const tag of await namesIn(folder)) {
    const link = join(folder, tag, "current/link");
    const digest = (await exists(link)) ? (await readFile(link, "utf8")).trim() : "";
    if (isTag(tag) && isDigest(digest)) tags.set(digest, [...(tags.get(digest) ?? []), tag]);
  }
  return tags;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await exists(folder)) ? (await readdir(folder)).sort() : [];
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
}
