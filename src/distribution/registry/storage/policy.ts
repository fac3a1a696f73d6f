/** What may not be stored, whoever asks: a registry's own rules, as distinct from anybody's rights. */
import { TeuError } from "../../../base/index.ts";
import type { RepositoryName, Tag } from "../../../spec/index.ts";

/** A bound on what the repositories below a prefix add up to. */
export interface Quota {
  /** `team` holds `team` and `team/…`; the empty prefix holds everything. */
  readonly prefix: string;
  readonly bytes: number;
}

/** The rules of one registry. */
export interface StoragePolicy {
  /** Nothing changes while it says so. */
  readonly isReadOnly: boolean;
  readonly quotas: readonly Quota[];
  /** Whether a tag, once it names something, names that for ever. */
  readonly isImmutable: (repository: RepositoryName, tag: Tag) => boolean;
}

/** Everything is allowed. */
export const NO_POLICY: StoragePolicy = { isReadOnly: false, quotas: [], isImmutable: () => false };

/** A repository has no room for this. */
export class QuotaExceeded extends TeuError<
  "quota-exceeded",
  { repository: RepositoryName; prefix: string; limit: number; used: number; wanted: number }
> {
  constructor(context: {
    repository: RepositoryName;
    prefix: string;
    limit: number;
    used: number;
    wanted: number;
  }) {
    const whose = context.prefix === "" ? "the registry" : JSON.stringify(context.prefix);
    super(
      "quota-exceeded",
      "exhausted",
      context,
      `Cannot store ${context.wanted} bytes in ${context.repository}: ${whose} holds ${context.used} of ${context.limit}`,
    );
  }
}

/** A tag that may not be moved or taken away. */
export class TagImmutable extends TeuError<"tag-immutable", { repository: RepositoryName; tag: Tag }> {
  constructor(context: { repository: RepositoryName; tag: Tag }) {
    super(
      "tag-immutable",
      "permission-denied",
      context,
      `Cannot change tag ${JSON.stringify(context.tag)} of ${context.repository}: it is immutable`,
    );
  }
}

/** The quotas that bind `repository`. */
export function quotasOf(policy: StoragePolicy, repository: RepositoryName): readonly Quota[] {
  return policy.quotas.filter(
    ({ prefix }) => prefix === "" || repository === prefix || repository.startsWith(`${prefix}/`),
  );
}
