/** Lists of names, page by page: a repository's tags, a registry's repositories. Source: distribution-spec spec.md, Listing Tags; distribution's catalog. */
import { MAX_MANIFEST_BYTES } from "../../spec/index.ts";
import { readCapped } from "./body.ts";
import { BadRegistryAnswer } from "./errors.ts";
import { MAX_PAGES, nextPage } from "./pages.ts";
import type { Repository } from "./repository.ts";
import type { Session } from "./session.ts";

/** What is listed. */
interface List {
  readonly path: string;
  /** Of the answer: where the names stand. */
  readonly field: "tags" | "repositories";
  readonly operation: string;
}

/** The tags. @throws {BadRegistryAnswer} */
export function listTags(
  session: Session,
  repository: Repository,
  pageSize?: number,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const path = `${repository.repository}/tags/list`;
  return listNames(session, repository, { path, field: "tags", operation: "list tags" }, pageSize, signal);
}

/** The repositories of the registry that we may see. Not of the specification, and not everywhere. @throws {BadRegistryAnswer} */
export function listRepositories(
  session: Session,
  repository: Repository,
  pageSize?: number,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const list = { path: "_catalog", field: "repositories", operation: "list repositories" } as const;
  return listNames(session, repository, list, pageSize, signal);
}

async function* listNames(
  session: Session,
  repository: Repository,
  list: List,
  pageSize: number | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const { operation } = list;
  const query = pageSize === undefined ? "" : `?n=${pageSize}`;
  let url: string | undefined = `${session.origin}/v2/${list.path}${query}`;
  for (let page = 0; url !== undefined; page++) {
    if (page === MAX_PAGES) throw bad(repository, list, "the list has no end");
    const call = { method: "GET", url, action: "pull", expect: [200], operation } as const;
    const response: Response = await session.send(call, signal);
    const bytes = await readCapped(response.body, MAX_MANIFEST_BYTES);
    if (bytes === undefined) throw bad(repository, list, `a page is larger than ${MAX_MANIFEST_BYTES} bytes`);
    yield* namesIn(repository, list, bytes);
    url = nextPage(session, repository, url, response.headers.get("link"), operation);
  }
}

function namesIn(repository: Repository, list: List, bytes: Uint8Array): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw bad(repository, list, "a page is no JSON");
  }
  // Where there are none, some registries have null.
  const names = (value as Record<string, unknown> | null)?.[list.field] ?? [];
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string"))
    throw bad(repository, list, `a page has no list of ${list.field}`);
  return names;
}

function bad({ registry }: Repository, { operation }: List, reason: string): BadRegistryAnswer {
  return new BadRegistryAnswer({ registry, operation, reason });
}
