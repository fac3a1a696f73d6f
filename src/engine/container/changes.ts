/** `teu diff`: what a container has written, by its writable layer alone. Source: docker diff reference; overlayfs.rst, whiteouts. */
import { closeSync, constants } from "node:fs";
import { type ByteString, decodeName } from "../../image/index.ts";
import { check, layerFiles } from "../../sys/index.ts";
import { filesDirectory } from "../snapshot/directories.ts";
import { openStack } from "../snapshot/open-stack.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { snapshotChain } from "../store/snapshots.ts";
import type { Store } from "../store/store.ts";
import { mountPointsIn } from "./mount-points.ts";

/** One path that is not as the image has it. */
export interface Change {
  readonly kind: "added" | "changed" | "deleted";
  readonly path: string;
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const TYPE = 0o170000;
const IS_DIRECTORY = 0o040000;
const IS_CHARACTER = 0o020000;

/** The changes, by path. */
export function changesOf(store: Store, container: ContainerRecord): Change[] {
  if (container.snapshot === null) return [];
  const [active, top] = snapshotChain(store.database, container.snapshot);
  if (active === undefined) return [];
  const files = layerFiles<ByteString>();
  using lower = openStack(store, top, "diff");
  const upper = check(files.openDirectory(filesDirectory(store, active)), "open", "writable layer");
  try {
    const ours = mountPointsIn(upper, lower.descriptor);
    return [...walk(upper, lower.descriptor, "" as ByteString, ours)];
  } finally {
    closeSync(upper);
  }
}

/**
 * @param lower  The same directory of the image; -1: it has none there.
 * @param ours  Paths of which nobody is told.
 */
function* walk(
  upper: number,
  lower: number,
  path: ByteString,
  ours: ReadonlySet<ByteString>,
): Generator<Change> {
  const files = layerFiles<ByteString>();
  const names = files.list(upper);
  if (typeof names === "number") {
    check(names, "list", decodeName(path));
    return;
  }
  for (const name of names.sort()) {
    const inside = (path === "" ? name : `${path}/${name}`) as ByteString;
    if (ours.has(inside)) continue;
    const at = `/${decodeName(inside)}`;
    const status = files.status(upper, name);
    if (typeof status === "number") continue; // it has just gone: the container runs
    const type = status.mode & TYPE;
    if (type === IS_CHARACTER && status.major === 0 && status.minor === 0) {
      yield { kind: "deleted", path: at };
      continue;
    }
    const isBelow = lower >= 0 && typeof files.status(lower, name) !== "number";
    const change = { kind: isBelow ? ("changed" as const) : ("added" as const), path: at };
    if (type !== IS_DIRECTORY) {
      yield change;
      continue;
    }
    const inner = files.open(upper, name, DIRECTORY, 0);
    if (inner < 0) continue; // as above
    const innerLower = isBelow ? files.open(lower, name, DIRECTORY, 0) : -1;
    try {
      yield change;
      yield* walk(inner, innerLower, inside, ours);
    } finally {
      closeSync(inner);
      if (innerLower >= 0) closeSync(innerLower);
    }
  }
}
