/**
 * What there is: tags of a repository, repositories of the registry.
 * Source: distribution-spec spec.md, Listing Tags; `_catalog` is distribution's, and tools still need it.
 */
import type { RepositoryName } from "../../spec/index.ts";
import { cutPage, parsePageQuery } from "./page.ts";
import { Refusal } from "./refusal.ts";
import type { Repositories } from "./repository.ts";

/** GET /v2/<name>/tags/list */
export async function listTags(
  repositories: Repositories,
  name: RepositoryName,
  query: URLSearchParams,
): Promise<Response> {
  const page = parsePageQuery(query);
  const repository = repositories.open(name);
  if (!repository.exists()) throw new Refusal("NAME_UNKNOWN", { detail: { name } });
  const { entries, headers } = cutPage(`/v2/${name}/tags/list`, await repository.tags(), page);
  return Response.json({ name, tags: entries }, { headers });
}

/** GET /v2/_catalog */
export async function listRepositories(
  repositories: Repositories,
  query: URLSearchParams,
): Promise<Response> {
  const page = parsePageQuery(query);
  const { entries, headers } = cutPage("/v2/_catalog", await repositories.list(), page);
  return Response.json({ repositories: entries }, { headers });
}
