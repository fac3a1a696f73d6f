/** Whoever makes a request, and what it may do: the outcome of authentication, which every decision is made on. */
import type { RepositoryName } from "../../../spec/index.ts";
import type { Identity, Right, Rules } from "./rules.ts";

/** See the file's head. */
export interface Caller {
  /** For logs and for what belongs to somebody: `user:alice`; empty for nobody in particular. */
  readonly name: string;
  readonly allows: (repository: RepositoryName, right: Right) => boolean;
  /** What to answer when it may not: who proved nothing is asked who he is; who did is told no. */
  readonly whenDenied: "unauthenticated" | "insufficient-scope" | "denied";
}

/** Where nobody is asked anything. */
export const ANYBODY: Caller = { name: "", allows: () => true, whenDenied: "denied" };

/** A caller who proved to be `identity`, or proved nothing. */
export function callerOf(identity: Identity, rules: Rules): Caller {
  const isAnonymous = identity.kind === "anonymous";
  return {
    name: isAnonymous ? "" : `${identity.kind}:${identity.name}`,
    allows: (repository, right) => rules.allow(identity, repository, right),
    whenDenied: isAnonymous ? "unauthenticated" : "denied",
  };
}
