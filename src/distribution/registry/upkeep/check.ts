/**
 * Looks whether everything is as it should be: each blob and manifest that a repository holds is there, whole, of the size and
 * the hash that were said; manifests can be read, and what they are made of is held; sums are right. Reads everything once;
 * goes on while others push and delete, and does not take what they do meanwhile for damage.
 */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { hasCode, messageOf, TeuError } from "../../../base/index.ts";
import {
  type Digest,
  digestAlgorithm,
  hasherFor,
  isSupportedAlgorithm,
  MAX_MANIFEST_BYTES,
  parseManifestOrIndex,
  type RepositoryName,
} from "../../../spec/index.ts";
import { errnoOf } from "../../../sys/index.ts";
import { describeManifest } from "../manifests.ts";
import type { Held } from "../storage/sqlite-upkeep.ts";
import type { Storage } from "../storage/storage.ts";

/** Something that is wrong. */
export interface Damage {
  readonly kind: "blob" | "manifest" | "sum";
  readonly repository: RepositoryName;
  /** Absent for a sum, which is about the whole repository. */
  readonly digest?: Digest;
  readonly why: string;
  /** Of a manifest that is whole itself: blobs that it needs and its repository does not hold. */
  readonly missing?: readonly Digest[];
}

/** A scrub found damage: somebody must act. */
export class ContentDamaged extends TeuError<"content-damaged", { damage: Damage }> {
  constructor(damage: Damage) {
    const { kind, repository, digest, why } = damage;
    super(
      "content-damaged",
      "data-loss",
      { damage },
      `Cannot trust ${kind} ${digest ?? ""} of ${repository}: ${why}`,
      { hint: "teu registry repair stops saying that it is here, so that it can be pushed again" },
    );
  }
}

/**
 * Checks all.
 * @param onDamage  Told of each damage as it is found.
 * @param isPartial  Repositories of an upstream, where blobs come when somebody asks for them.
 * @returns all of it
 */
export async function check(
  storage: Storage,
  onDamage: (damage: Damage) => void = () => undefined,
  isPartial: (repository: RepositoryName) => boolean = () => false,
  signal?: AbortSignal,
): Promise<Damage[]> {
  const found: Damage[] = [];
  const tell = (damage: Damage): void => {
    found.push(damage);
    onDamage(damage);
  };
  const { upkeep } = storage.metadata;
  // Ordered by digest: content that many repositories hold is read once.
  let last: { digest: Digest; why: string | undefined } | undefined;
  for await (const held of upkeep.held()) {
    signal?.throwIfAborted();
    if (held.digest !== last?.digest) last = { digest: held.digest, why: await faultOf(storage, held) };
    const { kind, repository, digest } = held;
    const fault =
      last.why !== undefined
        ? { why: last.why }
        : kind === "manifest"
          ? manifestFault(storage, held, isPartial)
          : undefined;
    // What was deleted since the list was read is no damage.
    if (fault !== undefined && upkeep.isStillHeld(held)) tell({ kind, repository, digest, ...fault });
  }
  for await (const { repository, bytes, actual } of upkeep.wrongSums())
    tell({ kind: "sum", repository, why: `it says that it holds ${bytes} bytes, and holds ${actual}` });
  return found;
}

/** What is wrong with the content of something held, if anything is. */
async function faultOf(storage: Storage, held: Held): Promise<string | undefined> {
  storage.content.path(held.digest); // a folder of blobs that is none is no damage of each of them
  try {
    return await contentFault(storage, held);
  } catch (error) {
    if (errnoOf(error) === "EIO") return "the disk cannot read it";
    if (hasCode(error, "invalid-layout")) return "its content is not a regular file";
    // No right to read it, say: that is nothing that dropping it would mend.
    throw error;
  }
}

async function contentFault({ content }: Storage, { digest, size }: Held): Promise<string | undefined> {
  const algorithm = digestAlgorithm(digest);
  const actual = content.stat(digest)?.size;
  if (actual === undefined) return "its content is not there";
  if (actual !== size) return `it has ${actual} bytes instead of ${size}`;
  if (!isSupportedAlgorithm(algorithm)) return undefined;
  const hash = hasherFor(algorithm);
  for await (const chunk of content.readStream(digest)) {
    hash.update(chunk);
    await yieldToOthers();
  }
  const hashed = `${algorithm}:${hash.digest("hex")}`;
  return hashed === digest ? undefined : `its content hashes to ${hashed}`;
}

function manifestFault(
  { content, metadata }: Storage,
  held: Held,
  isPartial: (repository: RepositoryName) => boolean,
): Pick<Damage, "why" | "missing"> | undefined {
  const { repository, digest } = held;
  try {
    const document = parseManifestOrIndex(content.readBytes(digest, MAX_MANIFEST_BYTES), held.mediaType);
    if (isPartial(repository)) return undefined;
    // What a push needs, and nothing else: layers that are fetched elsewhere were never here.
    const { required } = describeManifest(held, document);
    const missing = required.filter((blob) => metadata.blob(repository, blob) === undefined);
    const [first] = missing;
    if (first === undefined) return undefined;
    return { why: `it refers to blob ${first}, which the repository does not hold`, missing };
  } catch (error) {
    return { why: messageOf(error) };
  }
}
