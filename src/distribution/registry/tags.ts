/**
 * What there is: tags of a repository, repositories of the registry.
 * Source: distribution-spec spec.md, Listing Tags; `_catalog` is distribution's, and tools still need it.
 */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { RepositoryName } from "../../spec/index.ts";
import type { Caller } from "./auth/caller.ts";
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

/** GET /v2/_catalog: of all repositories those that the caller may read. */
export async function listRepositories(
  metadata: Metadata,
  query: URLSearchParams,
  caller: Caller,
): Promise<Response> {
  const { entries, headers } = await cutPage("/v2/_catalog", query, async ({ after, limit }) => {
    const readable: RepositoryName[] = [];
    while (readable.length < limit) {
      const names = await metadata.repositories({ after, limit: READ_ENTRIES });
      readable.push(...names.filter((name) => caller.allows(name, "read")));
      if (names.length < READ_ENTRIES) break;
      after = names.at(-1) ?? after;
      await yieldToOthers();
    }
    return readable.slice(0, limit);
  });
  return Response.json({ repositories: entries }, { headers });
}

/** Of the repositories a caller may be allowed few: they are read so many at a time. */
const READ_ENTRIES = 1_000;
