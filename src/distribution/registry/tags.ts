/**
 * What there is: tags of a repository, repositories of the registry.
 * Source: distribution-spec spec.md, Listing Tags; `_catalog` is distribution's, and tools still need it.
 */
import type { RepositoryName } from "../../spec/index.ts";
import { cutPage } from "./page.ts";
import { Refusal } from "./refusal.ts";
import type { Metadata } from "./storage/metadata.ts";

/** GET /v2/<name>/tags/list */
export async function listTags(
  metadata: Metadata,
  name: RepositoryName,
  query: URLSearchParams,
): Promise<Response> {
  const { entries, headers } = await cutPage(`/v2/${name}/tags/list`, query, (slice) =>
    metadata.tags(name, slice),
  );
  if (entries.length === 0 && !(await metadata.hasRepository(name)))
    throw new Refusal("NAME_UNKNOWN", { detail: { name } });
  return Response.json({ name, tags: entries }, { headers });
}

/** GET /v2/_catalog */
export async function listRepositories(metadata: Metadata, query: URLSearchParams): Promise<Response> {
  const { entries, headers } = await cutPage("/v2/_catalog", query, (slice) => metadata.repositories(slice));
  return Response.json({ repositories: entries }, { headers });
}
