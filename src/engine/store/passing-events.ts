/**
 * What is done and changes no record: programs in a container, who looks at it, an image that is sent away. It is told in a file below TEU_RUN, a line of JSON each, in
 * one call that takes no lock and waits for no disk and for nobody; a reboot forgets it. What changes a record is told with the record: see events.ts.
 * Source: docker events reference, containers.
 */
import type { HostPath } from "../../base/index.ts";
import {
  closeSync,
  fstatSync,
  lockFile,
  O,
  openSync,
  renameSync,
  SystemCallFailed,
  statSync,
  syscall,
} from "../../sys/index.ts";
import type { ContainerRecord } from "./containers.ts";
import type { EventMessage, EventType } from "./events.ts";
import type { Records } from "./store.ts";

/** As many bytes as some 15,000 events; those before them are kept as long as these are fewer. */
const MAX_BYTES = 4 << 20;

/** A line of the file. */
export interface PassingEvent extends EventMessage {
  readonly namespace: string;
}

/** Where it is, and where the one before it is. */
export function passingPaths({ paths }: Pick<Records, "paths">): {
  readonly now: string;
  readonly before: string;
} {
  const now = `${paths.run}/events.jsonl`;
  return { now, before: `${now}.1` };
}

/**
 * Tells that something is done with a container, or several things at once, each with what there is to say of it beside its image, its name and its
 * labels. What is done does not depend on it: where there is no room, nothing is told.
 */
export function notePassing(
  store: Records,
  { id, name, image, settings }: Pick<ContainerRecord, "id" | "name" | "image" | "settings">,
  actions: Readonly<Record<string, Readonly<Record<string, string>>>>,
): void {
  const events = Object.entries(actions).map(([action, more]) => {
    const attributes = { ...settings.labels, image, name, ...more };
    return { type: "container", action, actor: id, attributes } as const;
  });
  tellPassing(store, events);
}

/**
 * What a monitor adds to `file` when a program has ended: `line`, the exit status, the time and the end of both. Of two members of one name the last one
 * counts, should a label be called so.
 */
export function endToBeTold(
  { paths, namespace }: Records,
  { id, name, image, settings }: ContainerRecord,
  execID: string,
): { readonly file: HostPath; readonly line: string } {
  const attributes = { ...settings.labels, image, name, execID };
  const event = { namespace, type: "container", action: "exec_die", actor: id, attributes } as const;
  const line = JSON.stringify(event satisfies Omit<PassingEvent, "time">).slice(0, -"}}".length);
  return { file: passingPaths({ paths }).now as HostPath, line: `${line},"exitCode":"` };
}

/** The same of whatever it is done with. */
export function tellPassing(store: Records, events: readonly Omit<EventMessage, "time">[]): void {
  const [time, { namespace }] = [Date.now(), store];
  const lines = events.map(
    (event) => `${JSON.stringify({ namespace, time, ...event } satisfies PassingEvent)}\n`,
  );
  try {
    append(passingPaths(store), new TextEncoder().encode(lines.join("")));
  } catch (error) {
    if (!(error instanceof SystemCallFailed)) throw error; // a full disk has no room for a new file either
  }
}

/** Tells that what nobody needs of this kind was removed. Docker's word and attribute. */
export function notePrune(store: Records, type: EventType, bytes: number): void {
  tellPassing(store, [{ type, action: "prune", actor: "", attributes: { reclaimed: `${bytes}` } }]);
}

function append({ now, before }: ReturnType<typeof passingPaths>, bytes: Uint8Array<ArrayBuffer>): void {
  const file = openSync(now, O.WRONLY | O.CREAT | O.APPEND, 0o600);
  try {
    syscall("write", file, bytes, bytes.length); // a full disk may take a part: readers pass over it
    if (fstatSync(file).size <= MAX_BYTES) return;
    // Two who both see that it is full would put away the new one as well.
    using _lock = lockFile(`${now}.lock`);
    if (statSync(now).inode === fstatSync(file).inode) renameSync(now, before);
  } finally {
    closeSync(file);
  }
}
