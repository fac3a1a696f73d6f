/**
 * What there is: tags of a repository, repositories of the registry.
 * Source: distribution-spec spec.md, Listing Tags; `_catalog` is distribution's, and tools still need it.
 */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { RepositoryName, Tag } from "../../spec/index.ts";
import type { Caller } from "./auth/caller.ts";
import { cutPage } from "./page.ts";
import { Refusal } from "./refusal.ts";
import { SEARCH_PATH } from "./route.ts";
import type { Metadata, Slice } from "./storage/metadata.ts";

/** GET /v2/<name>/tags/list: of an upstream's repository those that it has (`there`, in order), or where it does not answer, those that are here. */
export async function listTags(
  metadata: Metadata,
  name: RepositoryName,
  query: URLSearchParams,
  there?: readonly Tag[],
): Promise<Response> {
  const { entries, headers } = await cutPage(`/v2/${name}/tags/list`, query, (slice) =>
    there === undefined
      ? metadata.tags(name, slice)
      : there.filter((tag) => tag > slice.after).slice(0, slice.limit),
  );
  if (entries.length === 0 && there === undefined && !(await metadata.hasRepository(name)))
    throw new Refusal("NAME_UNKNOWN", { detail: { name } });
  return Response.json({ name, tags: entries }, { headers });
}

/** GET /v2/_catalog: of all repositories those that the caller may read. */
export async function listRepositories(
  metadata: Metadata,
  query: URLSearchParams,
  caller: Caller,
): Promise<Response> {
  const { entries, headers } = await cutPage("/v2/_catalog", query, (slice) =>
    readable(metadata, caller, "", slice),
  );
  return Response.json({ repositories: entries }, { headers });
}

/** GET /_teu/search?q=: of the repositories with this text in their name those that the caller may read. */
export async function searchRepositories(
  metadata: Metadata,
  query: URLSearchParams,
  caller: Caller,
): Promise<Response> {
  const text = searchText(query);
  const { entries, headers } = await cutPage(
    SEARCH_PATH,
    query,
    (slice) => readable(metadata, caller, text, slice),
    { q: text },
  );
  return Response.json({ repositories: entries }, { headers });
}

/** What is searched for. @throws {Refusal} it is nothing, or longer than any name */
export function searchText(query: URLSearchParams): string {
  // Names have no capitals; people write them.
  const text = (query.get("q") ?? "").toLowerCase();
  if (text !== "" && text.length <= MAX_TEXT) return text;
  throw new Refusal("UNSUPPORTED", {
    status: 400,
    message: `q wants a text of up to ${MAX_TEXT} characters`,
  });
}
const MAX_TEXT = 255;

/** Repositories with `text` in their name that the caller may read, in order. */
export async function readable(
  metadata: Metadata,
  caller: Caller,
  text: string,
  { after, limit }: Slice,
): Promise<RepositoryName[]> {
  const found: RepositoryName[] = [];
  while (found.length < limit) {
    const names = await metadata.repositories({ after, limit: READ_ENTRIES });
    found.push(...names.filter((name) => name.includes(text) && caller.allows(name, "read")));
    if (names.length < READ_ENTRIES) break;
    after = names.at(-1) ?? after;
    await yieldToOthers();
  }
  return found.slice(0, limit);
}

/** Of the repositories a caller may be allowed few: they are read so many at a time. */
const READ_ENTRIES = 1_000;
