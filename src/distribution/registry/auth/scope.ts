/**
 * What a token grants: `repository:NAME:pull,push`.
 * Source: distribution, docs/spec/auth/scope.md and token.md (the `access` claim).
 */
import { isRepositoryName, type RepositoryName } from "../../../spec/index.ts";
import type { Right } from "./rules.ts";

/** One entry of a scope, or of a token's `access`. */
export interface Grant {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** Which action of the protocol a right is part of. */
const ACTIONS: Readonly<Record<Right, string>> = {
  read: "pull",
  create: "push",
  update: "push",
  delete: "delete",
};

/** Whether `grants` include a right. */
export function grantsAllow(grants: readonly Grant[], repository: RepositoryName, right: Right): boolean {
  return grants.some(
    ({ type, name, actions }) =>
      type === "repository" &&
      name === repository &&
      (actions.includes(ACTIONS[right]) || actions.includes("*")),
  );
}

/** Parses scopes as clients send them; entries of other types and names that are none ask for nothing. */
export function parseScopes(texts: readonly string[]): { name: RepositoryName; actions: string[] }[] {
  return texts
    .flatMap((text) => text.split(" "))
    .flatMap((text) => {
      const [, name = "", actions = ""] = /^repository(?:\([^)]*\))?:(.+):([^:]*)$/.exec(text) ?? [];
      return isRepositoryName(name)
        ? [{ name, actions: actions.split(",").filter((action) => action !== "") }]
        : [];
    });
}

/** Of the actions that were asked for, those that somebody with these rights gets. */
export function allowedActions(actions: readonly string[], allows: (right: Right) => boolean): string[] {
  const got = new Set<string>();
  for (const [right, action] of Object.entries(ACTIONS) as [Right, string][])
    if ((actions.includes(action) || actions.includes("*")) && allows(right)) got.add(action);
  return [...got];
}

/** The scope that a request needs, as a challenge says it. */
export function encodeScope(needs: readonly { repository: RepositoryName; right: Right }[]): string {
  const byName = new Map<string, Set<string>>();
  for (const { repository, right } of needs) {
    const actions = byName.get(repository) ?? new Set();
    // Whoever pushes looks first what is there.
    if (right !== "read") actions.add("pull");
    actions.add(ACTIONS[right]);
    byName.set(repository, actions);
  }
  return [...byName].map(([name, actions]) => `repository:${name}:${[...actions].join(",")}`).join(" ");
}

/** The `access` claim of a token; what is no grant is left out. */
export function readAccess(claim: unknown): Grant[] {
  if (!Array.isArray(claim)) return [];
  return claim.filter(
    (entry): entry is Grant =>
      typeof entry?.type === "string" &&
      typeof entry?.name === "string" &&
      Array.isArray(entry?.actions) &&
      entry.actions.every((action: unknown) => typeof action === "string"),
  );
}
