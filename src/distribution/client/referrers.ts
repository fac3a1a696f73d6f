/**
 * What refers to a manifest: signatures, bills of material. Registries list it; of those that do not, clients keep the list under a tag.
 * Source: distribution-spec spec.md, Listing Referrers and Unavailable Referrers API.
 */
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestEncoded,
  MAX_MANIFEST_BYTES,
  mediaTypes,
  parseImageIndex,
  type Tag,
  withoutParameters,
} from "../../spec/index.ts";
import { discard, readCapped } from "./body.ts";
import { BadRegistryAnswer, ManifestNotFound } from "./errors.ts";
import { getManifest } from "./manifest.ts";
import { MAX_PAGES, nextPage } from "./pages.ts";
import type { Repository } from "./repository.ts";
import type { Session } from "./session.ts";

/** The descriptors, and whether the registry keeps the list or whoever pushes does, under a tag. */
export interface Referrers {
  readonly keptBy: "registry" | "tag";
  readonly descriptors: readonly Descriptor[];
}

/** 50,000 are some hundred pages. */
const MAX_REFERRERS = 100_000;

/** All that refers to `subject`, of one artifact type if one is said. */
export async function listReferrers(
  session: Session,
  repository: Repository,
  subject: Digest,
  artifactType: string | undefined,
  signal?: AbortSignal,
): Promise<Referrers> {
  const operation = `list referrers of ${subject}`;
  const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const all: Descriptor[] = [];
  let url: string | undefined = `${session.origin}/v2/${repository.repository}/referrers/${subject}${query}`;
  for (let page = 0; url !== undefined; page += 1) {
    if (page === MAX_PAGES || all.length > MAX_REFERRERS)
      throw bad(repository, operation, "the list has no end");
    const answer = await getPage(session, repository, url, operation, signal);
    if (answer === undefined) return await listByTag(session, repository, subject, artifactType, signal);
    all.push(...answer.descriptors);
    url = answer.next;
  }
  return { keptBy: "registry", descriptors: filtered(all, artifactType) };
}

/** The tag under which clients keep the list. Source: distribution-spec spec.md, Referrers Tag Schema. */
export function referrersTag(subject: Digest): Tag {
  const algorithm = digestAlgorithm(subject)
    .slice(0, 32)
    .replaceAll(/[^a-zA-Z0-9._-]/g, "-");
  return `${algorithm}-${digestEncoded(subject).slice(0, 64)}` as Tag; // of letters, digits and dashes
}

/** The list as it is kept under a tag. */
export function encodeReferrers(manifests: readonly Descriptor[]): { mediaType: string; bytes: Uint8Array } {
  const { index: mediaType } = mediaTypes;
  return { mediaType, bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })) };
}

/** One page; undefined: this registry keeps no such lists. */
async function getPage(
  session: Session,
  repository: Repository,
  url: string,
  operation: string,
  signal: AbortSignal | undefined,
): Promise<{ descriptors: readonly Descriptor[]; next: string | undefined } | undefined> {
  const response = await session.send(
    {
      method: "GET",
      url,
      headers: { accept: mediaTypes.index },
      action: "pull",
      expect: [200, 400, 404, 405, 406],
      operation,
    },
    signal,
  );
  const type = withoutParameters(response.headers.get("content-type") ?? "");
  // There are servers that answer everything with a page for people.
  if (response.status !== 200 || type !== mediaTypes.index) {
    await discard(response);
    return undefined;
  }
  const bytes = await readCapped(response.body, MAX_MANIFEST_BYTES);
  if (bytes === undefined)
    throw bad(repository, operation, `a page is larger than ${MAX_MANIFEST_BYTES} bytes`);
  return {
    descriptors: parseImageIndex(bytes).manifests,
    next: nextPage(session, repository, url, response.headers.get("link"), operation),
  };
}

async function listByTag(
  session: Session,
  repository: Repository,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Referrers> {
  try {
    const { document } = await getManifest(session, repository, referrersTag(subject), signal);
    const descriptors = document.kind === "index" ? document.index.manifests : [];
    return { keptBy: "tag", descriptors: filtered(descriptors, artifactType) };
  } catch (error) {
    if (error instanceof ManifestNotFound) return { keptBy: "tag", descriptors: [] };
    throw error;
  }
}

/** A registry need not filter. */
function filtered(descriptors: readonly Descriptor[], artifactType: string | undefined): Descriptor[] {
  return descriptors.filter((one) => artifactType === undefined || one.artifactType === artifactType);
}

function bad({ registry }: Repository, operation: string, reason: string): BadRegistryAnswer {
  return new BadRegistryAnswer({ registry, operation, reason });
}
