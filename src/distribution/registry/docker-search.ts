/**
 * Searching as `docker search HOST/TERM` and `podman search HOST/TERM` do it: by the one endpoint that is left of docker's first registry
 * API. A repository has a name here and nothing else of what the answer has room for.
 * Source: docker's registry API v1, search; moby registry/session.go; containers/image docker/docker_client.go, SearchRegistry.
 */
import type { Caller } from "./auth/caller.ts";
import { Refusal } from "./refusal.ts";
import type { Metadata } from "./storage/metadata.ts";
import { readable, searchText } from "./tags.ts";

const DEFAULT_RESULTS = 25;
const MAX_RESULTS = 100;
/** Pages are counted: to come to a later one is to read those before it. */
const MAX_PAGE = 100;

/** GET /v1/_ping: docker asks it first. A standalone registry knows its users itself, so that it is told who asks. */
export function answerDockerPing(): Response {
  return Response.json({ standalone: true }, { headers: { "x-docker-registry-standalone": "true" } });
}

/** GET /v1/search?q=&n=&page=: of the repositories with this text in their name those that the caller may read. */
export async function searchAsDocker(
  metadata: Metadata,
  query: URLSearchParams,
  caller: Caller,
): Promise<Response> {
  const text = searchText(query);
  const size = Math.max(1, Math.min(numberOf(query, "n", DEFAULT_RESULTS), MAX_RESULTS));
  const page = Math.max(1, numberOf(query, "page", 1));
  const skipped = (page - 1) * size;
  const slice = { after: "", limit: skipped + size };
  const names = page > MAX_PAGE ? [] : (await readable(metadata, caller, text, slice)).slice(skipped);
  const results = names.map((name) => ({
    name,
    description: "",
    star_count: 0,
    is_official: false,
    is_automated: false,
  }));
  return Response.json({ query: text, num_results: results.length, page, page_size: size, results });
}

function numberOf(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null || text === "") return otherwise;
  if (!/^\d{1,6}$/.test(text)) throw new Refusal("PAGINATION_NUMBER_INVALID", { detail: { [name]: text } });
  return Number(text);
}
