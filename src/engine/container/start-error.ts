/** Why a container could not be started the last time: whoever looks at it later was not there, least of all at what its restart policy tried. */
import { join } from "node:path";
import { messageOf } from "../../base/index.ts";
import { readTextIfAnySync, removeSync, writeTextSync } from "../../sys/index.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { containerDirectory, type Records } from "../store/store.ts";

const place = (store: Records, { id }: Pick<ContainerRecord, "id">): string =>
  join(containerDirectory(store, id), "start-error");

/** Keeps it for `inspect`; the error itself is told by whoever met it, also where a full disk keeps nothing. */
export function noteStartError(store: Records, container: ContainerRecord, error: unknown): void {
  try {
    writeTextSync(place(store, container), messageOf(error));
  } catch {
    forgetStartError(store, container); // half of it, or one of before, would say something else
  }
}

/** It starts, or is tried once more. */
export function forgetStartError(store: Records, container: Pick<ContainerRecord, "id">): void {
  removeSync(place(store, container));
}

/** Empty: it was not tried, or it went well. */
export function readStartError(store: Records, container: Pick<ContainerRecord, "id">): string {
  return readTextIfAnySync(place(store, container)) ?? "";
}
