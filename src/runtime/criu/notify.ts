/**
 * The notify socket of a saved container, by a file beside its images: a restored one needs its folder mounted again, and
 * says once more that it is ready only if it has not said so before.
 */
import { readTextIfAnySync, removeSync, writeTextSync } from "../../sys/index.ts";
import { hasNotified, hasNotifySocket } from "../machine/notify.ts";
import { NoCheckpoint } from "./descriptors.ts";

const FILE = "notify.json";

/** What is known of the notify socket of a saved container. */
export interface SavedNotify {
  /** The container has said that it is ready. */
  readonly ready: boolean;
}

/** Nothing for a container that was created without one. */
export function saveNotify(imagePath: string, stateDirectory: string): void {
  if (!hasNotifySocket(stateDirectory)) return;
  const saved: SavedNotify = { ready: hasNotified(stateDirectory) };
  writeTextSync(`${imagePath}/${FILE}`, JSON.stringify(saved), { mode: 0o600 });
}

/** For a checkpoint that failed, or whose folder holds an older one. */
export function forgetNotify(imagePath: string): void {
  removeSync(`${imagePath}/${FILE}`);
}

/** Undefined where the container had none, or another runtime saved it. @throws {NoCheckpoint} */
export function readNotify(imagePath: string): SavedNotify | undefined {
  const text = readTextIfAnySync(`${imagePath}/${FILE}`);
  if (text === undefined) return undefined;
  const why = `${FILE} does not say whether the container is ready`;
  let saved: unknown;
  try {
    saved = JSON.parse(text);
  } catch (error) {
    throw new NoCheckpoint({ path: imagePath, why }, error);
  }
  if (typeof saved === "object" && saved !== null && "ready" in saved && typeof saved.ready === "boolean")
    return { ready: saved.ready };
  throw new NoCheckpoint({ path: imagePath, why });
}
