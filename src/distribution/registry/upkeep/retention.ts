/** Rules about which tags stay: pure, from what is known of a repository's tags to those that go, and why. */
import type { Digest, RepositoryName, Tag } from "../../../spec/index.ts";
import { compileGlob, type Glob } from "../auth/glob.ts";

/** A rule as it is written. A tag that it is about is kept when any of its reasons holds. */
export interface RetentionRule {
  readonly repositories: readonly string[];
  readonly tags: readonly string[];
  readonly keep: {
    /** The so many pushed last, of the tags that the rule is about. */
    readonly newest?: number;
    readonly pushedWithinDays?: number;
    readonly pulledWithinDays?: number;
  };
}

/** A tag, and the times of what it names. */
export interface TagTimes {
  readonly tag: Tag;
  readonly digest: Digest;
  readonly pushedAtMs: number;
  /** Null: never, as far as is known. */
  readonly pulledAtMs: number | null;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Tags that are named by the digest of their subject: the fallback for referrers (`sha256-…`) and cosign's
 * (`sha256-….sig`). They live and die with it, whatever the rules say of their names.
 */
export const DIGEST_TAG = /^sha(?:256|512)-[0-9a-f]{64,128}(?:[.-].*)?$/;

/** Tells which tags of a repository go. The first rule that is about a tag decides; a tag of no rule stays. */
export class Retention {
  readonly #rules: readonly { repositories: Glob[]; tags: Glob[]; keep: RetentionRule["keep"] }[];
  readonly #isImmutable: (repository: RepositoryName, tag: Tag) => boolean;

  constructor(
    rules: readonly RetentionRule[],
    isImmutable: (repository: RepositoryName, tag: Tag) => boolean,
  ) {
    this.#isImmutable = isImmutable;
    this.#rules = rules.map(({ repositories, tags, keep }) => ({
      repositories: repositories.map(compileGlob),
      tags: tags.map(compileGlob),
      keep,
    }));
  }

  /** Whether any rule is about `repository`. */
  concerns(repository: RepositoryName): boolean {
    return this.#rules.some(({ repositories }) => repositories.some((matches) => matches(repository)));
  }

  /** The tags that go, with the reason. */
  expired(
    repository: RepositoryName,
    all: readonly TagTimes[],
    now: number,
  ): (TagTimes & { readonly why: string })[] {
    const rest = new Set(
      all.filter(({ tag }) => !DIGEST_TAG.test(tag) && !this.#isImmutable(repository, tag)),
    );
    const expired: (TagTimes & { readonly why: string })[] = [];
    for (const [index, { repositories, tags, keep }] of this.#rules.entries()) {
      if (!repositories.some((matches) => matches(repository))) continue;
      const mine = [...rest].filter(({ tag }) => tags.some((matches) => matches(tag)));
      mine.sort((a, b) => b.pushedAtMs - a.pushedAtMs || (a.tag < b.tag ? -1 : 1));
      for (const [place, times] of mine.entries()) {
        rest.delete(times);
        if (isKept(keep, place, times, now)) continue;
        expired.push({ ...times, why: `retention[${index}]: ${reasons(keep, place, times, now)}` });
      }
    }
    return expired;
  }
}

function isKept(keep: RetentionRule["keep"], place: number, times: TagTimes, now: number): boolean {
  const { newest, pushedWithinDays, pulledWithinDays } = keep;
  return (
    (newest !== undefined && place < newest) ||
    (pushedWithinDays !== undefined && now - times.pushedAtMs <= pushedWithinDays * DAY_MS) ||
    (pulledWithinDays !== undefined &&
      times.pulledAtMs !== null &&
      now - times.pulledAtMs <= pulledWithinDays * DAY_MS)
  );
}

function reasons(keep: RetentionRule["keep"], place: number, times: TagTimes, now: number): string {
  const days = (then: number): string => `${Math.floor((now - then) / DAY_MS)} days ago`;
  const said: string[] = [];
  if (keep.newest !== undefined) said.push(`number ${place + 1} of the newest ${keep.newest}`);
  if (keep.pushedWithinDays !== undefined) said.push(`pushed ${days(times.pushedAtMs)}`);
  if (keep.pulledWithinDays !== undefined)
    said.push(times.pulledAtMs === null ? "never pulled" : `pulled ${days(times.pulledAtMs)}`);
  return said.length === 0 ? "it keeps nothing" : said.join(", ");
}
