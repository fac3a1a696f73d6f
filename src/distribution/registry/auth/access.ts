/**
 * The one place where it is decided whether a request may go on. What a request needs is a table over its route and method;
 * nothing further down asks again, but for the source of a mount, which is no refusal but an upload, and for the tags of a push,
 * which others change while its body comes.
 */
import { isTag, type RepositoryName, type Tag } from "../../../spec/index.ts";
import { Refusal } from "../refusal.ts";
import type { Route } from "../route.ts";
import type { Awaitable } from "../storage/metadata.ts";
import type { Authenticator, Connection } from "./authenticator.ts";
import { ANYBODY, type Caller } from "./caller.ts";
import type { Right } from "./rules.ts";
import { encodeScope } from "./scope.ts";

/** Rights on a repository of which one is enough. */
export interface Need {
  readonly repository: RepositoryName;
  readonly anyOf: readonly Right[];
}

/** Whether a tag exists: to move one is another right than to make one. */
export type HasTag = (repository: RepositoryName, tag: Tag) => Awaitable<boolean>;

/** What a request needs. Lists and searches of repositories need no right on one repository. */
export async function needsOf(
  method: string,
  route: Route,
  query: URLSearchParams,
  hasTag: HasTag,
): Promise<Need[]> {
  switch (route.kind) {
    case "base":
    case "catalog":
    case "search":
    case "docker-search":
    case "docker-ping":
      return [];
    case "tags":
    case "referrers":
      return [{ repository: route.repository, anyOf: ["read"] }];
    case "uploads":
    case "upload":
      return [{ repository: route.repository, anyOf: ["create", "update"] }];
    case "blob":
      return [{ repository: route.repository, anyOf: [method === "DELETE" ? "delete" : "read"] }];
    case "manifest": {
      const { repository, target } = route;
      if (method === "DELETE") return [{ repository, anyOf: ["delete"] }];
      if (method !== "PUT") return [{ repository, anyOf: ["read"] }];
      const tags = target.kind === "tag" ? [target.tag] : query.getAll("tag").filter(isTag);
      if (tags.length === 0) return [{ repository, anyOf: ["create", "update"] }];
      const needs: Need[] = [];
      for (const tag of tags)
        needs.push({ repository, anyOf: [(await hasTag(repository, tag)) ? "update" : "create"] });
      return needs;
    }
    default:
      return route satisfies never;
  }
}

/** Decides. Without an authenticator everybody may do everything. */
export class Access {
  readonly #authenticator: Authenticator | undefined;
  readonly #hasTag: HasTag;

  constructor(authenticator: Authenticator | undefined, hasTag: HasTag) {
    this.#authenticator = authenticator;
    this.#hasTag = hasTag;
  }

  /** Who makes the request, who may make it. @throws {Refusal} UNAUTHORIZED, DENIED */
  async require(
    request: Request,
    route: Route,
    query: URLSearchParams,
    connection: Connection | undefined,
  ): Promise<Caller> {
    if (this.#authenticator === undefined) return ANYBODY;
    const caller = await this.#authenticator.identify(request, connection);
    // Clients learn here how to say who they are, so those who said nothing are told, whatever nobody may do; podman, which says nothing
    // when it searches, then looks for what it wants among the repositories that it may see.
    if ((route.kind === "base" || route.kind === "docker-search") && caller.whenDenied === "unauthenticated")
      throw this.#refuse(request, caller, []);
    // The second look costs a query, and only a push needs it.
    const needs = await needsOf(request.method, route, query, this.#hasTag);
    const lacking = needs.filter(
      ({ repository, anyOf }) => !anyOf.some((right) => caller.allows(repository, right)),
    );
    if (lacking.length > 0) throw this.#refuse(request, caller, needs);
    return caller;
  }

  #refuse(request: Request, { whenDenied }: Caller, needs: readonly Need[]): Refusal {
    const detail = needs.map(({ repository, anyOf }) => ({ repository, anyOf }));
    if (whenDenied === "denied") return new Refusal("DENIED", { detail });
    const scope = encodeScope(
      needs.flatMap(({ repository, anyOf }) => anyOf.map((right) => ({ repository, right }))),
    );
    const error = whenDenied === "insufficient-scope" ? "insufficient_scope" : undefined;
    const challenge = this.#authenticator?.challenge(request, scope, error) ?? "";
    return new Refusal("UNAUTHORIZED", { detail, headers: { "www-authenticate": challenge } });
  }
}
