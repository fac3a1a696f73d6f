/**
 * Lists in pages: `n` and `last` in, a part of the list and a `Link` to the next part out.
 * Source: distribution-spec spec.md, Listing Tags; RFC 8288.
 */
import { Refusal } from "./refusal.ts";

/** What a client asks for. */
export interface PageQuery {
  /** Undefined: as many as we like. */
  readonly n: number | undefined;
  /** Only what comes after this, which need not exist. */
  readonly last: string;
}

/** No answer holds more entries than this; a `Link` leads to the others. */
const MAX_ENTRIES = 10_000;

/** @throws {Refusal} PAGINATION_NUMBER_INVALID */
export function parsePageQuery(query: URLSearchParams): PageQuery {
  const n = query.get("n");
  if (n !== null && !/^\d{1,15}$/.test(n)) throw new Refusal("PAGINATION_NUMBER_INVALID", { detail: { n } });
  return { n: n === null ? undefined : Number(n), last: query.get("last") ?? "" };
}

/** The part of `sorted` that is asked for, and the headers that lead to the next. */
export function cutPage<T extends string>(
  path: string,
  sorted: readonly T[],
  { n, last }: PageQuery,
): { entries: readonly T[]; headers: Record<string, string> } {
  const start = last === "" ? 0 : firstAfter(sorted, last);
  const count = Math.min(n ?? MAX_ENTRIES, MAX_ENTRIES);
  const entries = sorted.slice(start, start + count);
  const end = entries.at(-1);
  if (end === undefined || start + count >= sorted.length) return { entries, headers: {} };
  return { entries, headers: { link: nextLink(path, { n: String(count), last: end }) } };
}

/** A `Link` header's value, relative: what a proxy in front calls us is not ours to know. */
export function nextLink(path: string, query: Readonly<Record<string, string>>): string {
  return `<${path}?${new URLSearchParams(query)}>; rel="next"`;
}

function firstAfter(sorted: readonly string[], last: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") > last) high = middle;
    else low = middle + 1;
  }
  return low;
}
