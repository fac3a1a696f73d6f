/**
 * Who may do what where: a list of rules, each giving some identities some rights on some repositories. Rights add up; what
 * no rule gives nobody has.
 */
import type { RepositoryName } from "../../../spec/index.ts";
import { compileGlob, type Glob } from "./glob.ts";

/** To update is to move a tag that exists; to create is everything else that pushes. */
export type Right = (typeof RIGHTS)[number];
export const RIGHTS = ["read", "create", "update", "delete"] as const;

/** Who asks, as far as it was proved. */
export type Identity =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly name: string }
  /** The common name of a client certificate. */
  | { readonly kind: "certificate"; readonly name: string };

/** A rule as it is written. */
export interface Rule {
  /** Globs of repository names. */
  readonly repositories: readonly string[];
  /** `user:NAME`, `group:NAME`, `certificate:NAME`, `anonymous`, `authenticated`, or `*` for everybody. */
  readonly identities: readonly string[];
  readonly rights: readonly Right[];
}

/** The words of a rule that mean `identity`. */
export function wordsOf(identity: Identity, groups: Readonly<Record<string, readonly string[]>>): string[] {
  if (identity.kind === "anonymous") return ["*", "anonymous"];
  const own = `${identity.kind}:${identity.name}`;
  const memberships = Object.entries(groups)
    .filter(
      ([, members]) => members.includes(own) || (identity.kind === "user" && members.includes(identity.name)),
    )
    .map(([group]) => `group:${group}`);
  return ["*", "authenticated", own, ...memberships];
}

/** All rules of a registry. */
export class Rules {
  readonly #rules: readonly {
    globs: readonly Glob[];
    identities: ReadonlySet<string>;
    rights: ReadonlySet<Right>;
  }[];
  readonly #groups: Readonly<Record<string, readonly string[]>>;

  constructor(rules: readonly Rule[], groups: Readonly<Record<string, readonly string[]>> = {}) {
    this.#groups = groups;
    this.#rules = rules.map(({ repositories, identities, rights }) => ({
      globs: repositories.map(compileGlob),
      identities: new Set(identities),
      rights: new Set(rights),
    }));
  }

  /** Whether some rule gives `identity` this right there. */
  allow(identity: Identity, repository: RepositoryName, right: Right): boolean {
    const words = wordsOf(identity, this.#groups);
    return this.#rules.some(
      ({ globs, identities, rights }) =>
        rights.has(right) &&
        words.some((word) => identities.has(word)) &&
        globs.some((matches) => matches(repository)),
    );
  }
}
