/** Where a client looks: a reference without its tag or digest. */
import type { Reference } from "../../spec/index.ts";

/** A repository of a registry. */
export type Repository = Pick<Reference, "registry" | "repository">;
