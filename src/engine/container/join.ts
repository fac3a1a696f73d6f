/** Namespaces that a container has together with another one: `--network container:…`, `--pid container:…`. Source: docker run reference. */
import { TeuError } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import type { JoinedNamespace } from "../store/containers.ts";
import type { Store } from "../store/store.ts";
import { runningPid } from "./driver-of.ts";
import { findContainer } from "./find.ts";

/** The other one has no namespaces: it does not run. Docker's words. */
export class CannotJoin extends TeuError<"cannot-join", { id: string; type: JoinedNamespace }> {
  constructor(context: { id: string; type: JoinedNamespace }) {
    super(
      "cannot-join",
      "failed-precondition",
      context,
      `cannot join ${context.type === "pid" ? "PID" : context.type} of a non running container: ${context.id}`,
    );
  }
}

/** What a container joins, by the ID of whose it is. */
export type Joins = Readonly<Partial<Record<JoinedNamespace, string>>>;

/**
 * Where the namespaces that `joins` asks for are now.
 * @param isStarted  Else others need not run yet: `rejoin()` puts their namespaces in the place of what is nowhere.
 * @throws {NoSuchContainer} {CannotJoin}
 */
export async function pathsOf(
  store: Store,
  joins: Joins,
  isStarted = true,
): Promise<Partial<Record<JoinedNamespace, string>>> {
  const paths: Partial<Record<JoinedNamespace, string>> = {};
  for (const [type, text] of Object.entries(joins) as [JoinedNamespace, string][]) {
    const other = findContainer(store, text);
    const pid = await runningPid(store, other);
    if (pid === undefined && isStarted) throw new CannotJoin({ id: other.id, type });
    paths[type] = `/proc/${pid ?? 0}/ns/${type === "network" ? "net" : type}`;
  }
  return paths;
}

/** `config` with the namespaces where they are now: the other container may have been started anew. */
export async function rejoin(store: Store, config: RuntimeConfig, joins: Joins): Promise<RuntimeConfig> {
  const paths = await pathsOf(store, joins);
  const namespaces = config.linux?.namespaces?.map((namespace) => {
    const path = paths[namespace.type as JoinedNamespace];
    return path === undefined ? namespace : { ...namespace, path };
  });
  return { ...config, linux: { ...config.linux, ...(namespaces && { namespaces }) } };
}
