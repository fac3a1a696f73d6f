/**
 * Repositories by a part of their name: by docker's search, where a registry has that, else among all that it lists.
 * Source: docker's registry API v1, search; distribution's catalog.
 */
import { MAX_MANIFEST_BYTES } from "../../spec/index.ts";
import { discard, readCapped } from "./body.ts";
import { listRepositories } from "./names.ts";
import type { Repository } from "./repository.ts";
import type { Session } from "./session.ts";

/** What a registry says of a repository; most say its name alone. */
export interface FoundRepository {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
  readonly isAutomated: boolean;
}

/** Answers of registries that have no such search. */
const HAVE_NONE = [400, 403, 404, 405, 410, 501];
const MAX_RESULTS = 100;
const MAX_PAGES = 100;

/** At most `limit` repositories with `text` in their name; without a text, any. @throws {BadRegistryAnswer} */
export async function searchRepositories(
  session: Session,
  where: Repository,
  text: string,
  limit: number,
  signal?: AbortSignal,
): Promise<FoundRepository[]> {
  const found = text === "" ? undefined : await searchAsDocker(session, where, text, limit, signal);
  if (found !== undefined) return found;
  const listed: FoundRepository[] = [];
  for await (const name of listRepositories(session, where, undefined, signal)) {
    if (!name.includes(text.toLowerCase())) continue;
    listed.push({ name, description: "", stars: 0, isOfficial: false, isAutomated: false });
    if (listed.length === limit) break;
  }
  return listed;
}

/** Undefined where there is no such search. */
async function searchAsDocker(
  session: Session,
  where: Repository,
  text: string,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<FoundRepository[] | undefined> {
  const found = new Map<string, FoundRepository>();
  const size = Math.min(limit, MAX_RESULTS);
  // Docker's own registry has it on another host, which is told nothing of who we are.
  const origin = where.registry === "docker.io" ? "https://index.docker.io" : session.origin;
  for (let page = 1; page <= MAX_PAGES && found.size < limit; page++) {
    const query = new URLSearchParams({ q: text, n: `${size}`, ...(page > 1 && { page: `${page}` }) });
    const url = `${origin}/v1/search?${query}`;
    const call = { method: "GET", url, action: "pull", operation: "search" } as const;
    const response = await session.send({ ...call, expect: [200, ...HAVE_NONE] }, signal);
    if (response.status !== 200) {
      await discard(response);
      return undefined;
    }
    const results = resultsIn(await readCapped(response.body, MAX_MANIFEST_BYTES));
    if (results === undefined) return undefined;
    const before = found.size;
    for (const result of results) if (!found.has(result.name)) found.set(result.name, result);
    // There are registries that know no pages, and say the first again.
    if (results.length < size || found.size === before) break;
  }
  return [...found.values()].slice(0, limit);
}

/** The results of a page; undefined: it is something else, a page for people for instance. */
function resultsIn(bytes: Uint8Array | undefined): FoundRepository[] | undefined {
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined; // no JSON: as said above
  }
  if (typeof value !== "object" || value === null || !("results" in value)) return undefined;
  // Where there are none, some registries have null.
  const results = value.results ?? [];
  if (!Array.isArray(results)) return undefined;
  return results.flatMap((one: unknown) => {
    if (typeof one !== "object" || one === null || !("name" in one) || typeof one.name !== "string")
      return [];
    const { name, description, star_count, is_official, is_automated } = one as Record<string, unknown> & {
      name: string;
    };
    return [
      {
        name,
        description: typeof description === "string" ? description : "",
        stars: typeof star_count === "number" ? star_count : 0,
        isOfficial: is_official === true,
        isAutomated: is_automated === true,
      },
    ];
  });
}
