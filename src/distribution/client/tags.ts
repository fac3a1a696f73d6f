/** The tags of a repository, page by page. Source: distribution-spec spec.md, Listing Tags. */
import { MAX_MANIFEST_BYTES } from "../../spec/index.ts";
import { readCapped } from "./body.ts";
import { BadRegistryAnswer } from "./errors.ts";
import { MAX_PAGES, nextPage } from "./pages.ts";
import type { Repository } from "./repository.ts";
import type { Session } from "./session.ts";

const OPERATION = "list tags";

/** Yields them as they come. @throws {BadRegistryAnswer} */
export async function* listTags(
  session: Session,
  repository: Repository,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  let url: string | undefined = `${session.origin}/v2/${repository.repository}/tags/list`;
  for (let page = 0; url !== undefined; page++) {
    if (page === MAX_PAGES) throw bad(repository, "the list has no end");
    const call = { method: "GET", url, action: "pull", expect: [200], operation: OPERATION } as const;
    const response: Response = await session.send(call, signal);
    const bytes = await readCapped(response.body, MAX_MANIFEST_BYTES);
    if (bytes === undefined) throw bad(repository, `a page is larger than ${MAX_MANIFEST_BYTES} bytes`);
    yield* tagsIn(repository, bytes);
    url = nextPage(session, repository, url, response.headers.get("link"), OPERATION);
  }
}

function tagsIn(repository: Repository, bytes: Uint8Array): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw bad(repository, "a page is no JSON");
  }
  // A repository without tags has null in some registries.
  const tags = (value as { tags?: unknown } | null)?.tags ?? [];
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string"))
    throw bad(repository, "a page has no list of tags");
  return tags;
}

function bad({ registry }: Repository, reason: string): BadRegistryAnswer {
  return new BadRegistryAnswer({ registry, operation: OPERATION, reason });
}
