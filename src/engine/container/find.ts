/** Finds containers by what people write. */
import { TeuError } from "../../base/index.ts";
import { type ContainerRecord, findContainers } from "../store/containers.ts";
import type { Records } from "../store/store.ts";

/** No container goes by this text. Docker's words. */
export class NoSuchContainer extends TeuError<"no-such-container", { text: string }> {
  constructor(context: { text: string }) {
    super("no-such-container", "not-found", context, `No such container: ${context.text}`);
  }
}

/** More than one container's ID begins so. Docker's words. */
export class AmbiguousID extends TeuError<"ambiguous-id", { text: string; count: number }> {
  constructor(context: { text: string; count: number }) {
    super("ambiguous-id", "invalid", context, `Multiple IDs found with provided prefix: ${context.text}`);
  }
}

/** It does not run. Docker's words. */
export class ContainerNotRunning extends TeuError<"container-not-running", { id: string }> {
  constructor(context: { id: string }) {
    super("container-not-running", "failed-precondition", context, `container ${context.id} is not running`);
  }
}

/** The one container that `text` names: by ID, by name, also with the slash that docker shows before it, by the beginning of its ID. */
export function findContainer(store: Records, text: string): ContainerRecord {
  const found = findContainers(store.database, store.namespace, text.replace(/^\//, ""));
  const [container] = found;
  if (container === undefined) throw new NoSuchContainer({ text });
  if (found.length > 1) throw new AmbiguousID({ text, count: found.length });
  return container;
}
