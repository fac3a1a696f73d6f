/**
 * Lists in pages: `n` and `last` in, a part of the list and a `Link` to the next part out.
 * Source: distribution-spec spec.md, Listing Tags; RFC 8288.
 */
import { Refusal } from "./refusal.ts";
import type { Awaitable, Slice } from "./storage/metadata.ts";

/** No answer holds more entries than this; a `Link` leads to the others. */
const MAX_ENTRIES = 10_000;

/**
 * The part of a list that `query` asks for, and the headers that lead to the next.
 * @param list  Entries in order; asked for one more than the page has, which tells whether there are others.
 * @param rest  What else the next part is asked for by.
 * @throws {Refusal} PAGINATION_NUMBER_INVALID
 */
export async function cutPage<T extends string>(
  path: string,
  query: URLSearchParams,
  list: (slice: Slice) => Awaitable<T[]>,
  rest: Readonly<Record<string, string>> = {},
): Promise<{ entries: readonly T[]; headers: Record<string, string> }> {
  const n = query.get("n");
  if (n !== null && !/^\d{1,15}$/.test(n)) throw new Refusal("PAGINATION_NUMBER_INVALID", { detail: { n } });
  const count = Math.min(n === null ? MAX_ENTRIES : Number(n), MAX_ENTRIES);
  const entries = await list({ after: query.get("last") ?? "", limit: count + 1 });
  const isLast = entries.length <= count;
  if (!isLast) entries.length = count;
  const end = entries.at(-1);
  if (end === undefined || isLast) return { entries, headers: {} };
  return { entries, headers: { link: nextLink(path, { ...rest, n: String(count), last: end }) } };
}

/** A `Link` header's value, relative: what a proxy in front calls us is not ours to know. */
export function nextLink(path: string, query: Readonly<Record<string, string>>): string {
  return `<${path}?${new URLSearchParams(query)}>; rel="next"`;
}
